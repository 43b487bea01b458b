//! Four small surrogates of different sciences on one device, each head beside the best simple forecast.

use anyhow::Result;
use forebay::{DriverOptions, open_board};
use forebay_zoo::surrogates::{Size, Surrogates, Verdict, named};

fn main() -> Result<()> {
    // The software substrate has the bits of the chip, and is fast enough for sizes that allow claims.
    let software = forebay::open("software:akd1000")?;
    let size = Size { units: 64, train: 600, test: 400 };
    let outcomes = Surrogates::train(size, &|_| software.clone())?.compare()?;
    for outcome in &outcomes {
        println!("{outcome}");
    }
    let count = |verdict| outcomes.iter().filter(|outcome| outcome.verdict() == verdict).count();
    let [better, worse, open] = [Verdict::Better, Verdict::Worse, Verdict::NoClaim].map(count);
    println!("{better} better than the best baseline, {worse} worse, {open} without a claim\n");

    // Reduced, on one chip emulated at register level. With a board: its address, as `forebay devices` lists it.
    let board = open_board("emulator:akd1000", DriverOptions::default())?;
    let mut surrogates = Surrogates::train(Size::small(), &|name| named(&board, name))?;
    let on_chip = surrogates.compare()?;
    print!("{}", board.tenants());
    let same = on_chip == Surrogates::train(Size::small(), &|_| software.clone())?.compare()?;
    println!("The reduced surrogates have the bits of the software substrate: {same}");
    Ok(())
}
