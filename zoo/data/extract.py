"""Regenerates the CSV files beside it from the Python packages that ship the numbers.

    pip download --no-deps statsmodels==0.15.0 aeon==1.6.0
    python3 extract.py statsmodels-*.whl aeon-*.whl

Prints the SHA-256 of every source file, as listed in README.md.
"""

import hashlib
import pathlib
import re
import sys
import zipfile

HERE = pathlib.Path(__file__).parent


def read(wheel, name):
    data = wheel.read(name)
    print(hashlib.sha256(data).hexdigest(), name)
    return data.decode("utf-8")


def write(name, header, rows):
    text = "\n".join([header] + [",".join(row) for row in rows]) + "\n"
    (HERE / name).write_text(text)
    print("->", name, len(rows), "rows")


def sunspots(wheel):
    text = read(wheel, "statsmodels/datasets/sunspots/src/sunspots_monthly.dat")
    rows = []
    for line in text.splitlines():
        fields = line.split()
        if len(fields) == 13 and re.fullmatch(r"\d{4}", fields[0]):
            assert all(re.fullmatch(r"\d+\.\d", f) for f in fields[1:]), line
            rows += [[fields[0], str(month + 1), value] for month, value in enumerate(fields[1:])]
    assert len(rows) == 3120 and rows[0][0] == "1749" and rows[-1][:2] == ["2008", "12"]
    write("sunspots.csv", "year,month,sunspots", rows)


def elnino(wheel):
    lines = read(wheel, "statsmodels/datasets/elnino/elnino.csv").splitlines()
    rows = []
    for line in lines[1:]:
        year, *months = line.split(",")
        assert len(months) == 12
        rows += [[year, str(month + 1), value] for month, value in enumerate(months)]
    assert len(rows) == 61 * 12
    write("elnino.csv", "year,month,temperature", rows)


def nile(wheel):
    lines = read(wheel, "statsmodels/datasets/nile/nile.csv").splitlines()
    rows = [line.split(",") for line in lines[1:]]
    assert len(rows) == 100
    write("nile.csv", "year,volume", rows)


def co2(wheel):
    lines = read(wheel, "statsmodels/datasets/co2/co2.csv").splitlines()
    rows = [line.split(",") for line in lines[1:]]
    assert len(rows) == 2284 and sum(value == "" for _, value in rows) == 59
    write("co2.csv", "date,co2", rows)


def vowels(wheel):
    rows = []
    for part in ["TRAIN", "TEST"]:
        text = read(wheel, f"aeon/datasets/data/JapaneseVowels/JapaneseVowels_{part}.ts")
        cases = text.split("@data\n")[1].strip().splitlines()
        assert len(cases) == {"TRAIN": 270, "TEST": 370}[part]
        for number, case in enumerate(cases):
            *channels, label = case.split(":")
            channels = [channel.split(",") for channel in channels]
            assert len(channels) == 12 and len({len(c) for c in channels}) == 1
            rows += [[part.lower(), str(number), label, *step] for step in zip(*channels)]
    header = "set,sequence,speaker," + ",".join(f"c{k}" for k in range(1, 13))
    write("japanese_vowels.csv", header, rows)


def main():
    wheels = [zipfile.ZipFile(path) for path in sys.argv[1:]]
    if len(wheels) != 2:
        sys.exit(__doc__)
    for extract in [sunspots, elnino, nile, co2]:
        extract(wheels[0])
    vowels(wheels[1])


main()
