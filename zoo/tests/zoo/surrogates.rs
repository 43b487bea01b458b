//! Four surrogates on one device: the same bits wherever they run, and claims only where the interval allows.

use forebay::{DriverOptions, open_board};
use forebay_zoo::surrogates::{Size, SurrogateError, Surrogates, Verdict, named};

#[test]
fn the_emulated_chip_has_the_bits_of_software() -> Result<(), SurrogateError> {
    let software = forebay::open("software:akd1000")?;
    let expected = Surrogates::train(Size::small(), &|_| software.clone())?.compare()?;
    let board = open_board("emulator:akd1000", DriverOptions::default())?;
    let mut surrogates = Surrogates::train(Size::small(), &|name| named(&board, name))?;
    assert_eq!(expected, surrogates.compare()?);
    board.verify_all().expect("no program changed another");
    let tenancy = board.tenants();
    println!("{tenancy}");
    let names: Vec<&str> = tenancy.tenants.iter().map(|tenant| &tenant.name[..]).collect();
    assert_eq!(names, ["lattice", "lorenz", "heat", "sunspots"]);
    Ok(())
}

#[test]
fn claims_are_what_the_intervals_allow() -> Result<(), SurrogateError> {
    let software = forebay::open("software:akd1000")?;
    let size = Size { units: 64, train: 600, test: 1000 };
    let outcomes = Surrogates::train(size, &|_| software.clone())?.compare()?;
    for outcome in &outcomes {
        println!("{outcome}");
        let half = outcome.gain.half_width.expect("there are three stretches or more");
        // 1,000 months hold seven cycles of eleven years; ten stretches would be shorter than one.
        assert_eq!(outcome.blocks, if outcome.domain == "sunspots" { 7 } else { 10 }, "{outcome}");
        assert!((outcome.baseline_loss - outcome.loss - outcome.gain.mean).abs() < 1e-9, "{outcome}");
        assert_eq!(outcome.verdict() == Verdict::NoClaim, outcome.gain.mean.abs() <= half, "{outcome}");
    }
    // A linear map of x cannot know z, whose sign x does not tell.
    let hidden = outcomes.iter().find(|o| o.domain == "lorenz" && o.head == "unobserved").expect("it is there");
    assert!(hidden.verdict() == Verdict::Better && hidden.is_trusted, "{hidden}");
    let refused = Surrogates::train(Size { units: 3, ..size }, &|_| software.clone());
    assert!(matches!(refused, Err(SurrogateError::Size { found: 3, .. })));
    Ok(())
}
