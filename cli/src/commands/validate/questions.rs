//! What only a board can answer, by the numbers of specs/device-interface.md.

use anyhow::Result;
use forebay_akida::bus::Bus;
use forebay_akida::chip::address::{CHIP_INFO, CONFIG_DMA, CORE, EVENT_DMA, HRC_DMA};
use forebay_akida::chip::dma::{
    DESC_CONT_RESET, REGISTERS, buf_mon_ctrl, buf_mon_status, ctrl, desc_cont, desc_status,
};
use forebay_akida::chip::top::{general, ip_version, mesh_info, mesh_info1, mesh_info2, mesh_info3};
use forebay_akida::driver::{Driver, Options};
use forebay_akida::trace::{Step, Traced};
use forebay_akida::{Bits, Device, InputShape, Layer, ProgramBuilder};

use super::Plan;
use super::checks::{driver, trusting};
use super::report::Report;
use crate::commands::samples;
use crate::commands::sram::keeps;

pub(super) fn ask(report: &mut Report, plan: &Plan) -> Result<()> {
    let device = driver(plan, trusting())?.device();
    registers(report, plan, device)?;
    memory(report, plan)?;
    dma(report, plan)?;
    outputs(report, plan, device)?;
    programs(report, plan, device)?;
    for (number, what, why) in [
        (18, "order of several passes", "beyond right results, an AKD1500 shows nothing of it"),
        (4, "is the iATU visible behind BAR 2, can its windows slide", "would move the windows in use"),
        (7, "do registers need 32-bit accesses", "only 32-bit accesses are ever made"),
        (17, "what the routing block means", "its words are replayed as they are"),
        (19, "learning class register", "learning is not supported"),
        (20, "clock modes, power monitor", "the registers are not known"),
    ] {
        report.not_asked(&format!("question {number}, {what}"), why);
    }
    Ok(())
}

fn registers(report: &mut Report, plan: &Plan, device: Device) -> Result<()> {
    let mut bus = plan.bus.clone();
    let version = bus.read(CORE + ip_version::OFFSET)?;
    report.seen("question 1, version register", &format!("{version:#010x}"));
    if device == Device::Akd1000 {
        let info = bus.read(CHIP_INFO).map_or_else(|error| error.to_string(), |word| format!("{word:#010x}"));
        report.seen("question 1, chip information at 0xf0000010", &info);
    }
    let bars = plan.address.strip_prefix("vfio:").map_or("no PCI device here", |_| "on the page of identity");
    report.seen("question 2, sizes of BARs", bars);
    report.passed("question 3, address windows", "the core answers through them");
    let found = [mesh_info1::OFFSET, mesh_info2::OFFSET, mesh_info3::OFFSET]
        .into_iter()
        .map(|offset| bus.read(CORE + offset))
        .collect::<Result<Vec<_>, _>>()?;
    let guessed = mesh_info(device);
    report.seen("question 3, mesh registers", &format!("{found:08x?}, guessed {guessed:08x?}"));
    let word = bus.read(CORE + general::OFFSET)?;
    report
        .seen("question 22, clocks at power-on (general control, bits 16 to 20)", &format!("{:#x}", word >> 16 & 0x1F));
    Ok(())
}

fn memory(report: &mut Report, plan: &Plan) -> Result<()> {
    let mut bus = plan.bus.clone();
    let memory = bus.memory().device;
    let middle = (memory.start + (memory.end - memory.start) / 2) & !0xFFF;
    for at in [memory.start, middle, memory.end - 4] {
        report.check(keeps(&mut bus, at), "question 5, memory that keeps what is written", &format!("{at:#010x}"));
    }
    // Lengths that are no whole words, and those that go by DMA where there is an engine.
    for length in [1_usize, 2, 3, 1024, 4096, 65_536] {
        let pattern: Vec<u8> = (0..length).map(|k| (k * 37 + length) as u8).collect();
        let mut found = vec![0; length];
        let moved =
            bus.write_block(memory.start + 1, &pattern).and_then(|()| bus.read_block(memory.start + 1, &mut found));
        let is_right = moved.is_ok() && found == pattern;
        report.check(is_right, "question 6, transfers of any length", &format!("{length} bytes at an odd address"));
    }
    let kept = [0xA7; 16];
    bus.write_block(memory.start, &kept)?;
    match bus.reset() {
        Ok(()) => {
            let mut found = [0; 16];
            bus.read_block(memory.start, &mut found)?;
            report.seen(
                "question 21, memory after a reset of the function",
                if found == kept { "as before" } else { "changed" },
            );
            let version = bus.read(CORE + ip_version::OFFSET)?;
            report.check(
                version != u32::MAX,
                "question 21, the core after a reset of the function",
                "answers through new windows",
            );
        }
        Err(error) => report.not_asked("question 21, reset of the function", &error.to_string()),
    }
    Ok(())
}

fn dma(report: &mut Report, plan: &Plan) -> Result<()> {
    // A reset of the core is part of unprogramming.
    let mut driver = driver(plan, trusting())?;
    driver.unprogram()?;
    let bus = driver.bus();
    for (name, base) in [("config", CONFIG_DMA), ("event", EVENT_DMA), ("hrc", HRC_DMA)] {
        bus.write(base + ctrl::OFFSET, ctrl::SOFT_RESET.mask())?;
        let mut set = Vec::new();
        for register in REGISTERS {
            let word = bus.read(base + register.offset)?;
            if word != 0 {
                set.push(format!("{} {word:08x}", register.name));
            }
        }
        report.seen(&format!("question 8, {name} DMA after a soft reset, registers that are not 0"), &set.join(", "));
        let word = bus.read(base + desc_cont::OFFSET)?;
        report.check(
            word == DESC_CONT_RESET,
            &format!("question 8, {name} DMA begins before container 0"),
            &format!("{word:#010x}"),
        );
        // Not running: LAST may be set without effect; CUR must not follow.
        bus.write(base + desc_cont::OFFSET, 5)?;
        let word = bus.read(base + desc_cont::OFFSET)?;
        let cur = desc_cont::CUR.get(word);
        report.check(
            cur != 5,
            &format!("question 9, {name} DMA ignores what is written to CUR"),
            &format!("it reads {cur:#x}"),
        );
        bus.write(base + ctrl::OFFSET, ctrl::SOFT_RESET.mask())?;
    }
    drop(driver);
    let mut driver = super::checks::driver(plan, trusting())?;
    let program = samples::potentials(driver.device(), 16, 8)?;
    let id = driver.load(program)?;
    report.passed("question 11, a configuration write sets the status that is waited for", "programming ended");
    let words = driver.read_registers(None, 1)?;
    report.seen("question 12, the input unit's register 0", &format!("{:#010x}", words[0]));
    let verified = driver.verify(id);
    let found = verified.as_ref().map_or_else(ToString::to_string, |()| "50 registers and all weights".to_owned());
    report.check(verified.is_ok(), "question 12, what is read back is what was written", &found);
    let bus = driver.bus();
    let status = bus.read(CONFIG_DMA + buf_mon_status::OFFSET)?;
    report.check(status == 0, "question 10, clearing takes status and interrupts away", &format!("{status:#010x}"));
    let word = bus.read(CONFIG_DMA + buf_mon_ctrl::OFFSET)?;
    report.check(
        !buf_mon_ctrl::STATUS_CLEAR.is_set(word),
        "question 10, the clearing bit reads 0",
        &format!("{word:#010x}"),
    );
    let word = bus.read(EVENT_DMA + desc_status::OFFSET)?;
    report.seen("question 10, event DMA's last job after a soft reset", &format!("{word:#010x}"));
    Ok(())
}

/// Header and order of outputs.
fn outputs(report: &mut Report, plan: &Plan, device: Device) -> Result<()> {
    let (bus, trace) = Traced::new(plan.bus.clone());
    let mut driver = Driver::open(Box::new(bus), Options { depth: 1, ..trusting() })?;
    let program = samples::potentials(device, 16, 8)?;
    let id = driver.load(program.clone())?;
    for (what, sample) in [("some inputs", samples::inputs(&program, 1)), ("no inputs", vec![0; 16])] {
        let mut outputs = [0; 8];
        // Twice: then header and data come in one read.
        driver.run(id, &sample, &mut outputs)?;
        trace.take();
        driver.run(id, &sample, &mut outputs)?;
        let read = trace.take().into_iter().rev().find_map(|step| match step {
            Step::ReadBlock { bytes, .. } => Some(bytes),
            _ => None,
        });
        let words: Vec<u32> = read
            .unwrap_or_default()
            .chunks_exact(4)
            .map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
            .collect();
        let (header, data) = words.split_at(words.len().min(8));
        report.seen(&format!("question 13, header of an output, {what}"), &format!("{header:08x?}"));
        report.seen(&format!("question 14, data of an output, {what}"), &format!("{data:08x?}"));
        let is_right = outputs[..] == samples::expected(&program, &sample)?;
        report.check(is_right, &format!("question 14, potentials, {what}"), &format!("{outputs:?}"));
    }
    Ok(())
}

/// Jobs at once, external weights, several passes.
fn programs(report: &mut Report, plan: &Plan, device: Device) -> Result<()> {
    let mut run = |what: &str, program: forebay_akida::Program, options: Options, samples: usize| -> Result<()> {
        let mut driver = driver(plan, options)?;
        let id = driver.load(program.clone())?;
        let inputs = samples::inputs(&program, samples);
        let mut outputs = vec![0; samples * program.layers().last().map_or(0, |layer| layer.units)];
        let result = driver.run(id, &inputs, &mut outputs);
        let is_right = result.is_ok() && outputs == samples::expected(&program, &inputs)?;
        let found = match result {
            Ok(()) if is_right => format!("{samples} samples, all right"),
            Ok(()) => "wrong numbers".to_owned(),
            Err(error) => error.to_string(),
        };
        report.check(is_right, what, &found);
        Ok(())
    };
    for depth in [2, 15, 16] {
        let options = Options { depth, ..trusting() };
        run(&format!("question 15, {depth} samples at once"), samples::potentials(device, 16, 8)?, options, 40)?;
    }
    run("question 16, external weights", samples::potentials(device, 300, 600)?, trusting(), 3)?;
    if device == Device::Akd1500 {
        run("question 18, two passes", samples::chain(device, 12, 11)?, trusting(), 5)?;
        run("question 18, three passes", samples::chain(device, 12, 20)?, trusting(), 5)?;
    } else {
        run("a chain over all processors", samples::chain(device, 12, 22)?, trusting(), 5)?;
    }
    // A shape with axes takes the other kind of events.
    let shape = InputShape { width: 3, height: 4, channels: 2 };
    let weights = (0..24 * 5).map(|k| (k % 15) as i8 - 7).collect();
    let layer = Layer::potentials("axes", 24, 5, Bits::Four, weights)?;
    run("inputs with three axes", ProgramBuilder::new(device, shape, Bits::Four).layer(layer).build()?, trusting(), 4)
}
