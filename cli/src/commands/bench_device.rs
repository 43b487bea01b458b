//! `forebay bench device`: what an inference costs on the bus.

use std::time::Instant;

use anyhow::{Result, ensure};
use clap::Args;
use forebay_akida::bus::Counters;
use forebay_akida::driver::{Checking, Driver, Options};
use forebay_akida::transport::cost::Assumptions;
use forebay_zoo::stats;
use serde_json::json;

use super::devices::device_address;
use super::samples;
use crate::output::{self, align};

/// Accesses of an inference in the steady state, counted; what they would cost under stated assumptions; and, on a board,
/// how long they take.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  forebay bench device
  forebay bench device --substrate emulator:akd1500 --json

Accesses are counted, not estimated. The cost model is no measurement: it says what it assumes. Times of an emulator are
those of this machine and say nothing of silicon.")]
pub(crate) struct BenchDevice {
    /// A board (`forebay devices` lists them), emulator:akd1000 or emulator:akd1000,pcie with the PCIe DMA engine
    #[arg(long, default_value = "emulator:akd1000")]
    substrate: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The maker's engine for one sample of the smallest program: registers read and written, its output aside \[T\].
const ENGINE: (u64, u64) = (6, 4);

struct Row {
    inputs: usize,
    units: usize,
    batch: usize,
    counted: Counters,
    micros: f64,
}

impl BenchDevice {
    pub(super) fn run(self) -> Result<()> {
        let address = device_address(&self.substrate);
        let mut rows = Vec::new();
        let mut is_silicon = false;
        for (inputs, units, batch) in
            [(16, 8, 1), (16, 8, 16), (128, 128, 1), (128, 128, 16), (200, 400, 1), (200, 400, 2)]
        {
            let bus = forebay::open_bus(&address)?;
            is_silicon = bus.identity().is_silicon;
            let options = Options { depth: batch, checking: Checking::Never, ..Options::default() };
            let mut driver = Driver::open(bus, options)?;
            let program = samples::potentials(driver.device(), inputs, units)?;
            let id = driver.load(program.clone())?;
            let sample = samples::inputs(&program, batch);
            let expected = samples::expected(&program, &sample)?;
            let mut outputs = vec![0; expected.len()];
            // Every place of the buffers was used before: what follows is the steady state.
            for _ in 0..20 {
                driver.run(id, &sample, &mut outputs)?;
            }
            ensure!(outputs == expected, "the device computes something else than software");
            let before = driver.counters();
            driver.run(id, &sample, &mut outputs)?;
            let counted = driver.counters() - before;
            let times: Vec<f64> = (0..200)
                .map(|_| {
                    let start = Instant::now();
                    driver.run(id, &sample, &mut outputs).map(|()| start.elapsed().as_secs_f64() * 1e6)
                })
                .collect::<Result<_, _>>()?;
            rows.push(Row { inputs, units, batch, counted, micros: stats::median(&times) });
        }
        let assumptions = Assumptions::default();
        if self.json {
            let rows: Vec<_> = rows
                .iter()
                .map(|row| {
                    json!({
                        "inputs": row.inputs, "units": row.units, "samples": row.batch, "counted": row.counted,
                        "model_us": assumptions.estimate(&row.counted).as_secs_f64() * 1e6,
                        "host_median_us": row.micros,
                    })
                })
                .collect();
            return output::print_json(&json!({
                "address": address, "is_silicon": is_silicon, "rows": rows, "model_assumptions": assumptions,
                "engine_register_reads": ENGINE.0, "engine_register_writes": ENGINE.1, "tested_on_silicon": false,
            }));
        }
        output::print(&table(&address, is_silicon, &rows, assumptions))
    }
}

fn table(address: &str, is_silicon: bool, rows: &[Row], assumptions: Assumptions) -> String {
    let mut lines = vec![
        [
            "inputs x units, samples",
            "reads",
            "writes",
            "mem. reads",
            "mem. writes",
            "bytes in",
            "bytes out",
            "DMA",
            "model, us",
            "here, us",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    for row in rows {
        let c = &row.counted;
        let mut line = vec![format!("{} x {}, {}", row.inputs, row.units, row.batch)];
        let numbers = [
            c.register_reads,
            c.register_writes,
            c.memory_reads,
            c.memory_writes,
            c.bytes_written + c.host_bytes,
            c.bytes_read,
            c.dma_transfers,
        ];
        line.extend(numbers.map(|number| number.to_string()));
        line.push(format!("{:.1}", assumptions.estimate(c).as_secs_f64() * 1e6));
        line.push(format!("{:.1}", row.micros));
        lines.push(line);
    }
    let mut text = format!("{address}: accesses of one call, in the steady state\n\n");
    if !is_silicon {
        text = format!("EMULATOR. {text}");
    }
    text.push_str(&align(&lines));
    text.push_str(&format!(
        "\nreads, writes: registers of the core; the maker's engine reads {} and writes {} for one sample of the first program (8 reads with the output).\n\
         mem.: words of device memory moved by the processor; bytes in include memory of the host that the device sees.\n\
         model: no measurement. It assumes {} ns a read, {} ns a posted write, {} bytes a ns by DMA; computing is not in it.\n\
         here: median of 200 calls on this machine{}. Tested on silicon: no.\n",
        ENGINE.0,
        ENGINE.1,
        assumptions.read_ns,
        assumptions.write_ns,
        assumptions.dma_bytes_per_ns,
        if is_silicon { "" } else { ", of the emulator: nothing of it says how fast silicon is" },
    ));
    text
}
