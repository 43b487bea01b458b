//! Runs inside a virtual machine whose PCI device is the emulator: the same driver as on any machine, through a real
//! kernel's vfio-pci and IOMMU.
//!
//! `forebay-vm STAGE vfio:BDF` prints one line per check, `PASS` or `FAIL` first, and ends with status 0 if all passed.

use std::os::unix::process::CommandExt;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use forebay::{HybridEsn, Substrate};
use forebay_akida::bus::Bus;
use forebay_akida::driver::{Checking, Driver, DriverError, Options};
use forebay_akida::transport::dma::DmaOptions;
use forebay_akida::transport::pcie::{PcieBus, PcieOptions};
use forebay_akida::transport::{Address, VfioFunction};
use forebay_akida::{Bits, Board, Device, InputShape, Layer, Program, ProgramBuilder};
use forebay_substrate::conformance::check;
use forebay_substrate::{SubstrateError, WeightPatch};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, stage, address] = &arguments[..] else {
        eprintln!("usage: forebay-vm conformance|esn|patch|memory|as-user|leave|removal vfio:BDF");
        return ExitCode::from(2);
    };
    let start = Instant::now();
    let result = match &stage[..] {
        "conformance" => conformance(address),
        "esn" => esn(address),
        "patch" => patch(address),
        "memory" => memory(address),
        "as-user" => as_user(address),
        "leave" => leave(address),
        "removal" => removal(address),
        other => Err(anyhow::anyhow!("no stage named {other}")),
    };
    println!("TIME {stage} {:.2} s", start.elapsed().as_secs_f64());
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("FAIL {stage}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Ways of bulk transfer: none, polled, by messages.
fn ways() -> [(&'static str, PcieOptions); 3] {
    let with = |dma| PcieOptions { dma, host_bytes: 1 << 20, ..PcieOptions::default() };
    let polled = DmaOptions { messages: false, ..DmaOptions::default() };
    [
        ("single accesses", with(None)),
        ("DMA, polled", with(Some(polled))),
        ("DMA, messages", with(Some(DmaOptions::default()))),
    ]
}

fn bus(address: &str, options: PcieOptions) -> Result<PcieBus<VfioFunction>> {
    let Address::Vfio(bdf) = address.parse::<Address>()? else { bail!("{address} is no address of VFIO") };
    let bus = PcieBus::open(VfioFunction::open(&bdf)?, "vfio", options)?;
    // The machine is ours: it must not be taken for silicon.
    ensure!(!bus.identity().is_silicon, "the emulator says it is silicon");
    if options.dma.is_some()
        && let Some(refusal) = bus.dma_refusal()
    {
        bail!("no bulk transfers: {refusal}");
    }
    Ok(bus)
}

fn board(address: &str, options: PcieOptions) -> Result<Board> {
    // What comes back is compared here, not in the driver.
    let trusting = Options { checking: Checking::Never, ..Options::default() };
    Ok(Board::open(Box::new(bus(address, options)?), trusting)?)
}

/// The cases that every substrate shares, in each way of transfer.
fn conformance(address: &str) -> Result<()> {
    for (name, options) in ways() {
        let board = board(address, options)?;
        let device = board.with_driver(|driver| driver.device());
        let outcomes = check(&board, &|chain| Ok(Program::of_chain(device, chain)?.into_bytes()));
        for outcome in outcomes.iter().filter(|outcome| outcome.failure.is_some()) {
            println!("FAIL {}: {}", outcome.case, outcome.failure.as_deref().unwrap_or_default());
        }
        let failed = outcomes.iter().filter(|outcome| outcome.failure.is_some()).count();
        ensure!(failed == 0, "{failed} of {} cases failed", outcomes.len());
        let counters = board.counters();
        println!(
            "PASS conformance, {name}: {} cases, {} transfers, {} interrupts",
            outcomes.len(),
            counters.dma_transfers,
            counters.interrupts
        );
        let wants_messages = options.dma.is_some_and(|dma| dma.messages) && device == Device::Akd1000;
        ensure!(wants_messages == (counters.interrupts > 0), "{} interrupts", counters.interrupts);
    }
    Ok(())
}

/// Weights of a small network; any will do.
fn weights(units: usize) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let mut state = 1_u64;
    let mut next = |scale: f32| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        scale * ((state >> 40) as f32 / (1_u64 << 24) as f32 - 0.5)
    };
    let w_in = (0..units).map(|_| next(1.0)).collect();
    let w_res = (0..units * units).map(|_| next(3.0 / (units as f32).sqrt())).collect();
    let w_out = (0..units).map(|_| next(1.0)).collect();
    (w_in, w_res, w_out)
}

fn network(units: usize, substrate: Arc<dyn Substrate>) -> Result<HybridEsn> {
    let (w_in, w_res, w_out) = weights(units);
    let esn = HybridEsn::from_weights(&w_in, &w_res, &w_out, 0.3)?;
    Ok(esn.with_precision(2, 2)?.with_substrate(substrate)?)
}

/// Hybrid steps beside the software substrate: equal in every bit.
fn esn(address: &str) -> Result<()> {
    for (steps, units, (name, options)) in [(10_000, 24, ways()[0]), (300, 64, ways()[2])] {
        let board: Arc<dyn Substrate> = Arc::new(board(address, options)?);
        let software = forebay::open(&format!("software:{}", board.capabilities().device.to_lowercase()))?;
        let (mut here, mut there) = (network(units, software)?, network(units, board)?);
        let start = Instant::now();
        for step in 0..steps {
            let features = [(0.1 * step as f32).sin()];
            let expected = here.step(&features)?.to_vec();
            let found = there.step(&features)?;
            ensure!(
                found.iter().map(|y| y.to_bits()).eq(expected.iter().map(|y| y.to_bits())),
                "step {step}: {found:?} instead of {expected:?}"
            );
        }
        let micros = start.elapsed().as_secs_f64() * 1e6 / f64::from(steps);
        println!(
            "PASS {steps} hybrid steps of {units} units, {name}: equal to software in every bit ({micros:.0} us a step)"
        );
    }
    Ok(())
}

/// Weights changed while the program stays loaded.
fn patch(address: &str) -> Result<()> {
    let board = board(address, ways()[2].1)?;
    let device = board.with_driver(|driver| driver.device());
    // One layer with weights of its own, one with external weights.
    for units in [40, 700] {
        let weights = (0..units * 50).map(|k| (k * 11 % 15) as i8 - 7).collect();
        let layer = Layer::potentials("fc", 50, units, Bits::Four, weights)?;
        let program = ProgramBuilder::new(device, InputShape::flat(50), Bits::Four).layer(layer).build()?;
        let software = forebay::open(&format!("software:{}", device.to_string().to_lowercase()))?;
        let (here, there) = (software.load(program.bytes())?, board.load(program.bytes())?);
        let inputs: Vec<u8> = (0..50).map(|k| (k * 7 % 16) as u8).collect();
        let (mut expected, mut found) = (vec![0; units], vec![0; units]);
        let (mut runner_here, mut runner_there) = (here.runner()?, there.runner()?);
        for round in 0..20 {
            let patches: Vec<WeightPatch> = (0..5)
                .map(|k| WeightPatch {
                    layer: 0,
                    input: (round * 13 + k) % 50,
                    unit: (round * 31 + 7 * k) % units,
                    value: ((round + k) % 15) as i8 - 7,
                })
                .collect();
            here.patch(&patches)?;
            there.patch(&patches)?;
            runner_here.run(&inputs, &mut expected)?;
            runner_there.run(&inputs, &mut found)?;
            ensure!(found == expected, "round {round}");
        }
        there.verify()?;
        println!("PASS 100 live patches of {units} units, read back and equal to software");
    }
    Ok(())
}

/// The next stage as a plain user.
fn as_user(address: &str) -> Result<()> {
    let program = std::env::current_exe()?;
    let status = std::process::Command::new(program).args(["memory", address]).uid(1000).gid(1000).status()?;
    ensure!(status.success(), "it ended with {status}");
    Ok(())
}

/// A plain user with little memory to lock: small mappings work, large ones are refused with the next step.
fn memory(address: &str) -> Result<()> {
    let staging = |bytes| DmaOptions { staging: (1, bytes), ..DmaOptions::default() };
    let options = |bytes| PcieOptions { dma: Some(staging(bytes)), host_bytes: 0, ..PcieOptions::default() };
    let Address::Vfio(bdf) = address.parse::<Address>()? else { bail!("{address} is no address of VFIO") };
    let large = PcieBus::open(VfioFunction::open(&bdf)?, "vfio", options(8 << 20))?;
    let refusal = large.dma_refusal().map(ToString::to_string).unwrap_or_default();
    ensure!(refusal.contains("ulimit -l"), "8 MiB were mapped within 1 MiB of locked memory: {refusal:?}");
    println!("PASS refused: {refusal}");
    drop(large);
    ensure!(bus(address, options(64 << 10))?.dma_refusal().is_none(), "64 KiB cannot be mapped");
    let second = bus(address, options(64 << 10))?;
    let refused = VfioFunction::open(&bdf).err().context("the board was opened twice")?;
    println!("PASS a second program is refused: {refused:?}");
    drop(second);
    Ok(())
}

/// Dies with buffers mapped and a program loaded: the kernel cleans up.
fn leave(address: &str) -> Result<()> {
    let mut driver = Driver::open(Box::new(bus(address, ways()[2].1)?), Options::default())?;
    let layer = Layer::potentials("fc", 3, 2, Bits::Four, vec![1, 2, 3, -1, -2, -3])?;
    let program = ProgramBuilder::new(driver.device(), InputShape::flat(3), Bits::Four).layer(layer).build()?;
    driver.load(program)?;
    println!("PASS leaving without a word");
    std::process::abort();
}

/// Runs until the device goes away; that must end in an error, in time.
fn removal(address: &str) -> Result<()> {
    let board = board(address, ways()[2].1)?;
    let device = board.with_driver(|driver| driver.device());
    let layer = Layer::potentials("fc", 3, 2, Bits::Four, vec![1, 2, 3, -1, -2, -3])?;
    let program = ProgramBuilder::new(device, InputShape::flat(3), Bits::Four).layer(layer).build()?;
    let loaded = board.load(program.bytes())?;
    let mut runner = loaded.runner()?;
    let mut outputs = [0; 2];
    let start = Instant::now();
    println!("RUNNING until the device is taken away");
    let mut samples = 0_u64;
    let error = loop {
        match runner.run(&[1, 2, 3], &mut outputs) {
            Ok(()) => ensure!(outputs == [14, -14], "sample {samples}: {outputs:?}"),
            Err(error) => break error,
        }
        samples += 1;
        ensure!(start.elapsed() < Duration::from_mins(1), "it was never taken away");
    };
    let SubstrateError::Device(source) = &error else { bail!("an error of another kind: {error}") };
    let source = source.downcast_ref::<DriverError>().context("not the driver's error")?;
    println!("PASS taken away after {samples} samples: {source:?}");
    Ok(())
}
