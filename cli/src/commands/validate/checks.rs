//! Checks with a right answer: identity, conformance, patches, latency.

use std::time::Instant;

use anyhow::Result;
use forebay_akida::driver::{Checking, Driver, Options};
use forebay_akida::program::Blocks;
use forebay_akida::transport::sysfs::{Bdf, System};
use forebay_akida::{Board, Program};
use forebay_substrate::WeightPatch;
use forebay_substrate::conformance::check;
use forebay_zoo::stats;

use super::Plan;
use super::report::Report;
use crate::commands::samples;

/// Believes every number: what comes back is compared here.
pub(super) fn trusting() -> Options {
    Options { checking: Checking::Never, ..Options::default() }
}

pub(super) fn driver(plan: &Plan, options: Options) -> Result<Driver> {
    Ok(Driver::open(Box::new(plan.bus.clone()), options)?)
}

pub(super) fn identity(report: &mut Report, plan: &Plan) -> Result<()> {
    let mut bus = plan.bus.clone();
    let told = super::super::devices::identity(&mut bus)?;
    for register in told["registers"].as_array().into_iter().flatten() {
        let field = |name: &str| register[name].as_str().unwrap_or("-").to_owned();
        report.seen(&field("register"), &field("value"));
    }
    let driver = Driver::open(Box::new(bus), trusting())?;
    report.passed(
        "the chip",
        &format!("{}, version register {}", driver.device(), told["version_register"].as_str().unwrap_or("-")),
    );
    report.seen("capabilities", &format!("{:?}", driver.capabilities()));
    let bdf = plan.address.strip_prefix("vfio:").and_then(|bdf| bdf.parse::<Bdf>().ok());
    if let Some(board) = bdf.and_then(|bdf| System::default().board(&bdf)) {
        report.seen(
            "PCI",
            &format!("driver {:?}, IOMMU group {:?}, bytes of BARs {:?}", board.driver, board.group, board.bars),
        );
        report.seen("link may go to sleep (ASPM)", &board.may_sleep.to_string());
    }
    Ok(())
}

pub(super) fn conformance(report: &mut Report, plan: &Plan) -> Result<()> {
    let board = Board::open(Box::new(plan.bus.clone()), trusting())?;
    let device = board.with_driver(|driver| driver.device());
    let outcomes = check(&board, &|chain| Ok(Program::of_chain(device, chain)?.into_bytes()));
    for outcome in &outcomes {
        if let Some(failure) = &outcome.failure {
            report.failed(&outcome.case, failure);
        }
    }
    let failed = outcomes.iter().filter(|outcome| outcome.failure.is_some()).count();
    report.check(
        failed == 0,
        "cases that every substrate shares",
        &format!("{} of {} right", outcomes.len() - failed, outcomes.len()),
    );
    report.check(board.verify_all().is_ok(), "what is left on the device", "read back and compared");
    Ok(())
}

pub(super) fn patches(report: &mut Report, plan: &Plan) -> Result<()> {
    for (what, units, blocks) in [
        ("weights of a processor's own, whole blocks", 30, Blocks::Whole),
        ("weights of a processor's own, smallest blocks", 30, Blocks::Minimal),
        ("external weights", 1500, Blocks::Whole),
    ] {
        let mut driver = driver(plan, Options { blocks, ..trusting() })?;
        let mut program = samples::potentials(driver.device(), 40, units)?;
        let id = driver.load(program.clone())?;
        let mut wrong = None;
        for round in 0..10 {
            let patch =
                WeightPatch { layer: 0, input: round * 3, unit: units - 1 - round, value: (round % 15) as i8 - 7 };
            program.patch(&patch)?;
            driver.patch(id, &[patch])?;
            let inputs = samples::inputs(&program, 1);
            let mut outputs = vec![0; units];
            driver.run(id, &inputs, &mut outputs)?;
            if outputs != samples::expected(&program, &inputs)? {
                wrong.get_or_insert(round);
            }
        }
        let verified = driver.verify(id);
        let found = match (wrong, &verified) {
            (None, Ok(())) => "ten patches, each computed with, all read back".to_owned(),
            (Some(round), _) => format!("patch {round} has not the effect that it should have"),
            (None, Err(error)) => error.to_string(),
        };
        report.check(wrong.is_none() && verified.is_ok(), what, &found);
    }
    Ok(())
}

pub(super) fn latency(report: &mut Report, plan: &Plan) -> Result<()> {
    let rounds = if plan.quick { 100 } else { 2000 };
    let whose = if report.is_silicon() { "of the device" } else { "of the emulator, which says nothing of silicon" };
    for (inputs, units, batch) in [(16, 8, 1), (128, 128, 1), (128, 128, 16), (200, 400, 2)] {
        let mut driver = driver(plan, Options { depth: batch, ..trusting() })?;
        let program = samples::potentials(driver.device(), inputs, units)?;
        let id = driver.load(program.clone())?;
        let sample = samples::inputs(&program, batch);
        let mut outputs = vec![0; batch * units];
        driver.run(id, &sample, &mut outputs)?;
        let before = driver.counters();
        let times: Vec<f64> = (0..rounds)
            .map(|_| {
                let start = Instant::now();
                driver.run(id, &sample, &mut outputs).map(|()| start.elapsed().as_secs_f64() * 1e6)
            })
            .collect::<Result<_, _>>()?;
        let counted = driver.counters() - before;
        report.check(outputs == samples::expected(&program, &sample)?, "results", "the last ones are right");
        let at = |share: f64| stats::quantile(&times, share);
        report.seen(
            &format!("{inputs} x {units}, {batch} at once, microseconds {whose}"),
            &format!(
                "median {:.1}, 90 % {:.1}, 99 % {:.1}, longest {:.1}; {:.1} register reads and {:.1} writes each",
                at(0.5),
                at(0.9),
                at(0.99),
                at(1.0),
                counted.register_reads as f64 / f64::from(rounds),
                counted.register_writes as f64 / f64::from(rounds),
            ),
        );
    }
    Ok(())
}
