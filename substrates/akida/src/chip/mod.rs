//! What is known of the chips beyond their programs: registers, descriptors, addresses, the PCIe side.
//!
//! One declaration of each, used by the driver, the emulator and every dump. Source tags as in
//! specs/device-interface.md: \[E\] the maker's open engine, \[K\] the maker's kernel driver, \[T\] measured on programs,
//! \[D\] public DesignWare documentation, \[R\] field notes by others, \[I\] inferred, \[U\] unknown.
//!
//! Tested on silicon: no.

pub mod address;
pub mod descriptor;
pub mod dma;
pub mod event;
pub mod pcie;
mod register;
pub mod top;

pub use self::register::{Access, Block, Field, Register};

/// The blocks of the core, by their offset.
pub const BLOCKS: [Block; 6] = [
    Block { name: "top", base: address::CORE, registers: top::REGISTERS },
    Block { name: "event-dma", base: address::EVENT_DMA, registers: dma::REGISTERS },
    Block { name: "hrc-dma", base: address::HRC_DMA, registers: dma::REGISTERS },
    Block { name: "config-dma", base: address::CONFIG_DMA, registers: dma::REGISTERS },
    Block { name: "epg", base: address::EPG, registers: top::EPG_REGISTERS },
    Block { name: "interrupt", base: address::INTERRUPT, registers: top::INTERRUPT_REGISTERS },
];

/// The block and register at a device address.
pub fn locate(address: u32) -> Option<(&'static Block, &'static Register)> {
    BLOCKS.iter().find_map(|block| {
        let offset = address.checked_sub(block.base)?;
        block.registers.iter().find(|register| register.offset == offset).map(|register| (block, register))
    })
}

/// Name of a register by its address, or its address.
pub fn name(address: u32) -> String {
    match locate(address) {
        Some((block, register)) => format!("{}.{}", block.name, register.name),
        None => format!("{address:#010x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_lie_inside_registers_and_do_not_overlap() {
        for block in &BLOCKS {
            let mut offsets = Vec::new();
            for register in block.registers {
                assert!(register.offset.is_multiple_of(4), "{}", register.name);
                assert!(!offsets.contains(&register.offset), "{} twice at {:#x}", block.name, register.offset);
                offsets.push(register.offset);
                let mut used = 0_u32;
                for (name, field) in register.fields {
                    assert_eq!(used & field.mask(), 0, "{}.{name}", register.name);
                    used |= field.mask();
                }
            }
        }
    }

    #[test]
    fn registers_are_found_by_address() {
        assert_eq!(name(0xFCC2_0010), "event-dma.DESC_STATUS");
        assert_eq!(name(0xFCC0_0004), "top.GENERAL_CONTROL");
        assert_eq!(name(0x2400_0000), "0x24000000");
    }
}
