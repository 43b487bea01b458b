//! Four small surrogates of different sciences on one device, each head beside the best simple forecast.
//!
//! With the argument `lengths`: the same at full size under several lengths, for what holds under all of them.

use anyhow::Result;
use forebay::{DriverOptions, open_board};
use forebay_zoo::surrogates::{Outcome, Size, Surrogates, Verdict, named};

/// Rows to learn from, and for the test.
const LENGTHS: [(usize, usize); 5] = [(600, 400), (600, 1000), (1000, 400), (1000, 1000), (2000, 1000)];

fn main() -> Result<()> {
    // The software substrate has the bits of the chip, and is fast enough for sizes that allow claims.
    let software = forebay::open("software:akd1000")?;
    let under = |(train, test)| -> Result<Vec<Outcome>> {
        println!("{train} rows to learn from, {test} test rows");
        let outcomes = Surrogates::train(Size { units: 64, train, test }, &|_| software.clone())?.compare()?;
        for outcome in &outcomes {
            println!("{outcome}");
        }
        Ok(outcomes)
    };
    if std::env::args().any(|argument| argument == "lengths") {
        let all = LENGTHS.into_iter().map(under).collect::<Result<Vec<_>>>()?;
        println!("\nUnder all {} lengths:", LENGTHS.len());
        for (head, first) in all[0].iter().enumerate() {
            let count = |verdict| all.iter().filter(|outcomes| outcomes[head].verdict() == verdict).count();
            let [better, worse, open] = [Verdict::Better, Verdict::Worse, Verdict::NoClaim].map(count);
            println!("{:8} {:10} better {better}, worse {worse}, no claim {open}", first.domain, first.head);
        }
        return Ok(());
    }
    under(LENGTHS[0])?;

    // Reduced, on one chip emulated at register level. With a board: its address, as `forebay devices` lists it.
    let board = open_board("emulator:akd1000", DriverOptions::default())?;
    let mut surrogates = Surrogates::train(Size::small(), &|name| named(&board, name))?;
    let on_chip = surrogates.compare()?;
    print!("{}", board.tenants());
    let same = on_chip == Surrogates::train(Size::small(), &|_| software.clone())?.compare()?;
    println!("The reduced surrogates have the bits of the software substrate: {same}");
    Ok(())
}
