//! Four surrogates on one device: the same bits wherever they run, claims only where the interval allows.

use forebay::{DriverOptions, open_board};
use forebay_zoo::surrogates::{Size, SurrogateError, compare, named};

#[test]
fn the_emulated_chip_has_the_bits_of_software() -> Result<(), SurrogateError> {
    let software = forebay::open("software:akd1000")?;
    let expected = compare(Size::small(), &|_| software.clone())?;
    let board = open_board("emulator:akd1000", DriverOptions::default())?;
    let start = std::time::Instant::now();
    assert_eq!(expected, compare(Size::small(), &|name| named(&board, name))?);
    println!("{}", board.tenants());
    println!("{:?} {:?}", start.elapsed(), board.counters());
    Ok(())
}

#[test]
fn full() -> Result<(), SurrogateError> {
    let software = forebay::open("software:akd1000")?;
    let start = std::time::Instant::now();
    for outcome in compare(Size::full(), &|_| software.clone())? {
        println!("{outcome}");
    }
    println!("{:?}", start.elapsed());
    Ok(())
}
