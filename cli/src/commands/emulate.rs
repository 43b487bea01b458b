//! `forebay emulate`: a chip for virtual machines.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use forebay_akida::Device;
use forebay_emulator::{Fault, Injection, Settings};

/// Serve an emulated chip over a vfio-user socket: a virtual machine sees a PCI device.
#[derive(Args, Debug)]
#[command(after_help = "\
Example, with QEMU 10.1 or newer (guest memory must be shared):
  forebay emulate --device akd1000 --socket /tmp/akd1000.sock
  qemu-system-x86_64 .. -machine q35,kernel-irqchip=split,memory-backend=m \\
    -object memory-backend-memfd,id=m,size=512M,share=on \\
    -device intel-iommu,intremap=on,caching-mode=on \\
    -device '{\"driver\":\"vfio-user-pci\",\"socket\":{\"type\":\"unix\",\"path\":\"/tmp/akd1000.sock\"}}'

It serves one virtual machine and ends with it. This is an EMULATOR: nothing it computes is a result of silicon.")]
pub(crate) struct Emulate {
    /// akd1000 or akd1500
    #[arg(long, value_parser = device)]
    device: Device,
    /// The socket to make
    #[arg(long, value_name = "PATH")]
    socket: PathBuf,
    /// Take the device away once this file exists
    #[arg(long, value_name = "FILE")]
    unplug: Option<PathBuf>,
    /// What goes wrong, by name; may be given several times
    #[arg(long, value_name = "NAME")]
    fault: Vec<Fault>,
    /// Chooses when and how
    #[arg(long, default_value_t = 0)]
    fault_seed: u64,
}

fn device(text: &str) -> Result<Device, String> {
    text.to_uppercase().parse().map_err(|error: forebay_akida::device::UnknownDevice| error.to_string())
}

impl Emulate {
    #[cfg(target_os = "linux")]
    pub(super) fn run(self) -> Result<()> {
        use anyhow::Context;
        use forebay_emulator::server::Listener;

        let mut settings = Settings::new(self.device);
        settings.faults = self.fault.iter().map(|&fault| Injection::seeded(fault, self.fault_seed)).collect();
        let mut listener = Listener::new(settings, &self.socket, self.unplug)?;
        eprintln!("EMULATOR: an {} at {}; waiting for a virtual machine", self.device, self.socket.display());
        let served = listener.serve();
        for line in listener.log() {
            eprintln!("{line}");
        }
        let emulator = listener.emulator();
        for violation in emulator.violations() {
            eprintln!("violation: {violation}");
        }
        let (jobs, violations) = (emulator.jobs(), emulator.violations().len());
        eprintln!("EMULATOR: {jobs} samples, {violations} violations, faults that happened: {:?}", emulator.faults());
        let _ = std::fs::remove_file(&self.socket);
        served.context("the virtual machine went without a word")
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn run(self) -> Result<()> {
        let _ = (self.socket, self.unplug, self.fault, self.fault_seed, self.device);
        anyhow::bail!("vfio-user sockets are for Linux")
    }
}
