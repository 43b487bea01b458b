//! What Linux says of PCI devices: which boards are there, what they are bound to, what is missing to use them.
//!
//! Everything is below one folder, so that it can be tried on a tree of plain files.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Serialize;

use crate::chip::pcie;
use crate::device::Device;

/// Address of a PCI function: `0000:a1:00.0`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Bdf(String);

/// Text that is no address of a PCI function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no PCI address: it looks like 0000:a1:00.0")]
pub struct NoBdf {
    /// What was given.
    pub text: String,
}

impl FromStr for Bdf {
    type Err = NoBdf;

    /// The domain may be left out.
    fn from_str(text: &str) -> Result<Self, NoBdf> {
        let wrong = || NoBdf { text: text.to_owned() };
        let lower = text.to_ascii_lowercase();
        let full = if lower.matches(':').count() == 1 { format!("0000:{lower}") } else { lower };
        let is_hex = |part: &str, length: usize| part.len() == length && part.bytes().all(|b| b.is_ascii_hexdigit());
        let parts: Vec<&str> = full.split([':', '.']).collect();
        match parts[..] {
            [domain, bus, slot, function]
                if is_hex(domain, 4)
                    && is_hex(bus, 2)
                    && is_hex(slot, 2)
                    && is_hex(function, 1)
                    && full.as_bytes()[10] == b'.' =>
            {
                Ok(Self(full))
            }
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Bdf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Bdf {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A board that the system lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Its address.
    pub bdf: Bdf,
    /// Which chip its ids name.
    pub device: Device,
    /// Whether it is this project's emulator.
    pub is_emulator: bool,
    /// The kernel driver that has it.
    pub driver: Option<String>,
    /// Its IOMMU group; `None` without an IOMMU.
    pub group: Option<u32>,
    /// Other functions of its group, which must be free as well.
    pub neighbours: Vec<String>,
    /// Bytes of each BAR.
    pub bars: Vec<u64>,
    /// Whether the link may go to sleep (ASPM L0s, L1), with which the maker's driver says the device stops responding.
    pub may_sleep: bool,
}

/// Where the kernel shows things: `/sys`, `/dev`, or a copy of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct System {
    root: PathBuf,
}

impl Default for System {
    /// This machine.
    fn default() -> Self {
        Self::new("/")
    }
}

/// The name of the kernel's own driver for programs like this one.
pub const VFIO_DRIVER: &str = "vfio-pci";

impl System {
    /// A tree that begins at `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// A path below the root.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// Folder of a PCI function.
    pub fn function(&self, bdf: &Bdf) -> PathBuf {
        self.path("/sys/bus/pci/devices").join(&bdf.0)
    }

    /// All boards that the system lists, by address.
    pub fn boards(&self) -> Vec<Listed> {
        let Ok(entries) = fs::read_dir(self.path("/sys/bus/pci/devices")) else { return Vec::new() };
        let names = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<Bdf>().ok());
        let mut boards: Vec<Listed> = names.filter_map(|bdf| self.board(&bdf)).collect();
        boards.sort_by(|a, b| a.bdf.cmp(&b.bdf));
        boards
    }

    /// One board; `None` if there is none at this address.
    pub fn board(&self, bdf: &Bdf) -> Option<Listed> {
        let folder = self.function(bdf);
        let device = pcie::device(hex(&folder.join("vendor"))?, hex(&folder.join("device"))?)?;
        let subsystem = hex::<u16>(&folder.join("subsystem_device"));
        let group_folder = fs::read_link(folder.join("iommu_group")).ok();
        let group = group_folder.and_then(|link| link.file_name()?.to_str()?.parse().ok());
        let mut neighbours: Vec<String> = fs::read_dir(folder.join("iommu_group/devices"))
            .map(|entries| entries.flatten().filter_map(|e| e.file_name().into_string().ok()).collect())
            .unwrap_or_default();
        neighbours.retain(|name| *name != bdf.0);
        neighbours.sort();
        let resources = fs::read_to_string(folder.join("resource")).unwrap_or_default();
        let bars = resources.lines().take(6).map(bar_bytes).collect();
        let sleeps = ["l0s_aspm", "l1_aspm"].map(|name| fs::read_to_string(folder.join("link").join(name)));
        Some(Listed {
            bdf: bdf.clone(),
            device,
            is_emulator: subsystem == Some(pcie::EMULATOR_SUBSYSTEM),
            driver: driver(&folder),
            group,
            neighbours,
            bars,
            may_sleep: sleeps.iter().any(|text| text.as_ref().is_ok_and(|text| text.trim() == "1")),
        })
    }

    /// What stands between this board and its use through VFIO, each with the next step; empty if nothing does.
    pub fn missing(&self, board: &Listed) -> Vec<String> {
        let mut missing = Vec::new();
        let Some(group) = board.group else {
            missing.push(
                "it is in no IOMMU group: turn the IOMMU on in the firmware (VT-d or AMD-Vi), add intel_iommu=on to the \
                 kernel's command line on Intel machines, and boot again"
                    .to_owned(),
            );
            return missing;
        };
        match board.driver.as_deref() {
            Some(VFIO_DRIVER) => {}
            Some(other) => missing
                .push(format!("the kernel driver {other} has it: run `forebay devices bind {}` as root", board.bdf)),
            None => missing.push(format!("no kernel driver has it: run `forebay devices bind {}` as root", board.bdf)),
        }
        let taken = board.neighbours.iter().filter(|name| {
            let driver = driver(&self.path("/sys/bus/pci/devices").join(name));
            // Bridges of the group may keep their driver.
            driver.is_some_and(|driver| driver != VFIO_DRIVER && driver != "pcieport")
        });
        for name in taken {
            missing.push(format!(
                "{name} is in the same IOMMU group and has a driver: unbind it, or put the board into another slot"
            ));
        }
        if board.driver.as_deref() == Some(VFIO_DRIVER) {
            let node = self.path("/dev/vfio").join(group.to_string());
            if let Err(error) = fs::OpenOptions::new().read(true).write(true).open(&node) {
                let node = format!("/dev/vfio/{group}");
                missing.push(match error.kind() {
                    std::io::ErrorKind::PermissionDenied => format!(
                        "{node} is not yours: install the udev rule (substrates/akida/udev/60-forebay.rules), or run \
                         `chown $USER {node}` as root"
                    ),
                    std::io::ErrorKind::NotFound => {
                        format!("{node} is not there: load the modules with `modprobe vfio-pci` as root")
                    }
                    _ if error.raw_os_error() == Some(16) => {
                        format!("{node} is in use by another program: end that one first")
                    }
                    _ => format!("{node} cannot be opened: {error}"),
                });
            }
        }
        missing
    }

    /// Nodes of the maker's kernel driver.
    pub fn nodes(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path("/dev")) else { return Vec::new() };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut nodes: Vec<String> =
            names.filter(|name| super::node::device_of(name).is_some()).map(|name| format!("/dev/{name}")).collect();
        nodes.sort();
        nodes
    }

    /// What hands a board to vfio-pci; for [`take`](Self::take), or for people who would rather do it themselves.
    pub fn bind_steps(&self, board: &Listed) -> Vec<Step> {
        let folder = self.function(&board.bdf);
        let mut steps = Vec::new();
        if let Some(driver) = board.driver.as_deref().filter(|driver| *driver != VFIO_DRIVER) {
            let unbind = self.path("/sys/bus/pci/drivers").join(driver).join("unbind");
            steps.push(Step { file: unbind, text: board.bdf.0.clone() });
        }
        if board.driver.as_deref() != Some(VFIO_DRIVER) {
            steps.push(Step { file: folder.join("driver_override"), text: VFIO_DRIVER.to_owned() });
            steps.push(Step { file: self.path("/sys/bus/pci/drivers_probe"), text: board.bdf.0.clone() });
        }
        steps
    }

    /// What gives a board back to the kernel's own choice of driver.
    pub fn unbind_steps(&self, board: &Listed) -> Vec<Step> {
        let folder = self.function(&board.bdf);
        let mut steps = Vec::new();
        if board.driver.as_deref() == Some(VFIO_DRIVER) {
            let unbind = self.path("/sys/bus/pci/drivers").join(VFIO_DRIVER).join("unbind");
            steps.push(Step { file: unbind, text: board.bdf.0.clone() });
        }
        steps.push(Step { file: folder.join("driver_override"), text: "\n".to_owned() });
        steps.push(Step { file: self.path("/sys/bus/pci/drivers_probe"), text: board.bdf.0.clone() });
        steps
    }

    /// Does steps in order.
    ///
    /// # Errors
    /// The first file that cannot be written, with the system's word.
    pub fn take(&self, steps: &[Step]) -> Result<(), (Step, std::io::Error)> {
        for step in steps {
            let file = fs::OpenOptions::new().write(true).open(&step.file);
            let written = file.and_then(|mut file| std::io::Write::write_all(&mut file, step.text.as_bytes()));
            written.map_err(|error| (step.clone(), error))?;
        }
        Ok(())
    }
}

/// Text written to a file of the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The file.
    pub file: PathBuf,
    /// The text.
    pub text: String,
}

impl fmt::Display for Step {
    /// As a command for a shell of root.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text.trim() {
            "" => write!(f, "echo > {}", self.file.display()),
            text => write!(f, "echo {text} > {}", self.file.display()),
        }
    }
}

fn driver(folder: &Path) -> Option<String> {
    let link = fs::read_link(folder.join("driver")).ok()?;
    Some(link.file_name()?.to_str()?.to_owned())
}

/// `0x1e7c`.
fn hex<T: TryFrom<u64>>(path: &Path) -> Option<T> {
    let text = fs::read_to_string(path).ok()?;
    let number = u64::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok()?;
    T::try_from(number).ok()
}

/// `start end flags`, inclusive.
fn bar_bytes(line: &str) -> u64 {
    let numbers: Vec<u64> = line
        .split_whitespace()
        .filter_map(|word| u64::from_str_radix(word.trim_start_matches("0x"), 16).ok())
        .collect();
    match numbers[..] {
        [start, end, _] if end > start => end - start + 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked() {
        assert_eq!("A1:00.0".parse::<Bdf>().map(|bdf| bdf.to_string()), Ok("0000:a1:00.0".to_owned()));
        assert_eq!("0001:a1:00.1".parse::<Bdf>().map(|bdf| bdf.to_string()), Ok("0001:a1:00.1".to_owned()));
        for wrong in ["", "a1", "a1:00", "0000:a1:00:0", "../../etc", "0000:a1.00.0", "g1:00.0", "00000:a1:00.0"] {
            assert!(wrong.parse::<Bdf>().is_err(), "{wrong}");
        }
    }

    /// A tree as the kernel would show it: one board, with this driver, in this group.
    #[cfg(unix)]
    fn tree(driver: Option<&str>, group: Option<u32>, device: &str) -> (tempfile::TempDir, System) {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path();
        let function = root.join("sys/bus/pci/devices/0000:a1:00.0");
        fs::create_dir_all(&function).expect("a folder");
        fs::create_dir_all(root.join("dev/vfio")).expect("a folder");
        for (name, text) in [
            ("vendor", "0x1e7c\n"),
            ("device", device),
            ("subsystem_device", "0x0001\n"),
            ("resource", "0x90000000 0x903fffff 0x14220c\n0x0 0x0 0x0\n"),
            ("driver_override", "(null)\n"),
        ] {
            fs::write(function.join(name), text).expect("a file");
        }
        if let Some(driver) = driver {
            let drivers = root.join("sys/bus/pci/drivers").join(driver);
            fs::create_dir_all(&drivers).expect("a folder");
            fs::write(drivers.join("unbind"), "").expect("a file");
            symlink(&drivers, function.join("driver")).expect("a link");
        }
        if let Some(group) = group {
            let groups = root.join("sys/kernel/iommu_groups").join(group.to_string());
            fs::create_dir_all(groups.join("devices/0000:a1:00.0")).expect("a folder");
            symlink(&groups, function.join("iommu_group")).expect("a link");
        }
        fs::write(root.join("sys/bus/pci/drivers_probe"), "").expect("a file");
        let system = System::new(root);
        (folder, system)
    }

    #[cfg(unix)]
    #[test]
    fn what_is_missing_is_told_with_the_next_step() {
        for (driver, group, expected) in [
            (None, None, "turn the IOMMU on"),
            (None, Some(7), "no kernel driver has it: run `forebay devices bind 0000:a1:00.0` as root"),
            (Some("akida-pcie"), Some(7), "the kernel driver akida-pcie has it"),
            (Some("vfio-pci"), Some(7), "/dev/vfio/7 is not there: load the modules"),
        ] {
            let (_folder, system) = tree(driver, group, "0xbca1\n");
            let boards = system.boards();
            assert_eq!((boards.len(), boards[0].device, boards[0].is_emulator), (1, Device::Akd1000, false));
            assert_eq!(boards[0].bars[0], 4 << 20);
            let missing = system.missing(&boards[0]).join("; ");
            assert!(missing.contains(expected), "{missing}");
        }
        let (folder, system) = tree(Some("vfio-pci"), Some(7), "0xa500\n");
        fs::write(folder.path().join("dev/vfio/7"), "").expect("a file");
        let boards = system.boards();
        assert_eq!((boards[0].device, system.missing(&boards[0])), (Device::Akd1500, Vec::new()));
    }

    #[cfg(unix)]
    #[test]
    fn binding_writes_what_it_prints() {
        let (folder, system) = tree(Some("akida-pcie"), Some(7), "0xbca1\n");
        let steps = system.bind_steps(&system.boards()[0]);
        assert_eq!(steps.len(), 3);
        assert!(
            steps[0].to_string().starts_with("echo 0000:a1:00.0 > ")
                && steps[0].to_string().ends_with("/akida-pcie/unbind")
        );
        system.take(&steps).expect("the files are there");
        let read = |path: &str| fs::read_to_string(folder.path().join(path)).expect("there");
        assert!(read("sys/bus/pci/devices/0000:a1:00.0/driver_override").starts_with("vfio-pci"));
        assert_eq!(read("sys/bus/pci/drivers_probe"), "0000:a1:00.0");
        let (_folder, system) = tree(Some("vfio-pci"), Some(7), "0xbca1\n");
        assert!(system.bind_steps(&system.boards()[0]).is_empty());
        assert_eq!(system.unbind_steps(&system.boards()[0]).len(), 3);
    }

    #[test]
    fn a_machine_without_anything_has_no_boards() {
        let system = System::new("/nonexistent");
        assert!(system.boards().is_empty() && system.nodes().is_empty());
    }
}
