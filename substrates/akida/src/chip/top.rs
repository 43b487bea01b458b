//! Top-level registers, event routing, interrupt controller.

use crate::device::Device;

use super::register::registers;

registers! { REGISTERS:
    ip_version "IP_VERSION" at 0x00, ReadOnly, "E", "Version bytes, or 0 on a legacy part." {
        MINOR [7:0], MAJOR [15:8], PRODUCT [23:16], VENDOR [31:24],
    }
    general "GENERAL_CONTROL" at 0x04, ReadWrite, "E", "Resets (levels, not pulses), passes, clocks." {
        REWIND [0:0], PR_MESH_RST_END [2:1], AK_LOGIC_RST [8:8], AK_CORE_RST [9:9], AK_MESH_RST [10:10],
        SCC_CORE_RESET [12:12], CORE_CLOCK_PD [16:16], C2C_UP_PD [17:17], C2C_DOWN_PD [18:18], SCC_CLOCK_PD [20:20],
    }
    fnp2_0 "FNP2_ADDR0" at 0x10, ReadWrite, "E", "Weight image of the FNP2 with id 0." {}
    fnp2_1 "FNP2_ADDR1" at 0x14, ReadWrite, "E", "Weight image of the FNP2 with id 1." {}
    fnp2_2 "FNP2_ADDR2" at 0x18, ReadWrite, "E", "Weight image of the FNP2 with id 2." {}
    fnp2_3 "FNP2_ADDR3" at 0x1C, ReadWrite, "E", "Weight image of the FNP2 with id 3." {}
    mesh_info1 "MESH_INFO1" at 0x50, ReadOnly, "E", "Size of the mesh." {
        ROWS [7:0], COLUMNS [15:8], R1_START_COL [23:16], R2_START_COL [31:24],
    }
    mesh_info2 "MESH_INFO2" at 0x54, ReadOnly, "E", "The node of the DMAs." {
        NPS [2:0], DMA_EMPTY [4:4], DMA_ROW [15:8], DMA_COLUMN [23:16], EVENT_SLOT [25:24], CONFIG_SLOT [29:28],
    }
    mesh_info3 "MESH_INFO3" at 0x58, ReadOnly, "E", "The node of the FNP2s; coding of the last two not known." {
        FNP2_ROW [7:0], FNP2_COLUMN [15:8], FNP2_NUM [17:16], COL_NUM_LAST_NP [31:24],
    }
    skips "SKIPS_DMA_INFO" at 0x64, ReadOnly, "E", "Skip DMAs; none on these devices." { INSTALLED [15:0], CHANNELS [31:24] }
    install "INSTALL_OPTIONS" at 0x68, ReadOnly, "E", "Parts that were built in." {
        AE_DMA [0:0], NP_DMA [1:1], HRC [4:4], SCC [5:5], HRC_LUT [6:6], NP_SPI [8:8], SINGLE_NP [12:12], RPOT_NUM [31:24],
    }
}

registers! { EPG_REGISTERS:
    epg_00 "EPG_00" at 0x00, ReadWrite, "T", "Input kind: bit 12 dense, low byte 2 for a flat input." { FLAT [7:0], DENSE [12:12] }
    epg_0c "EPG_0C" at 0x0C, ReadWrite, "T", "0x10, or 0x012C0010 in several passes." {}
    epg_10 "EPG_10" at 0x10, ReadWrite, "T", "Columns of the first layer." { FIRST_COL [23:16], LAST_COL [31:24] }
    epg_14 "EPG_14" at 0x14, ReadWrite, "T", "Constant 0x100." {}
    epg_18 "EPG_18" at 0x18, ReadWrite, "T", "Constant 0x01FE0001." {}
    epg_1c "EPG_1C" at 0x1C, ReadWrite, "T", "Constant 0x027FFFFF." {}
}

registers! { INTERRUPT_REGISTERS:
    int_control "INT_GENERAL_CONTROL" at 0x00, ReadWrite, "E", "Global enable." { ENABLE [0:0] }
    int_mask "INT_SOURCE_MASK" at 0x04, ReadWrite, "E", "1 is masked." {
        AE_DMA [0:0], AE_IF [1:1], CONFIG_DMA [2:2], CONFIG_IF [3:3], HRC [5:5],
    }
    int_source "INT_SOURCE" at 0x08, ReadOnly, "E", "Which asked." {}
    int_status "INT_SOURCE_STATUS" at 0x0C, ReadOnly, "E", "Status." {}
    int_clear "INT_CLEAR_SOURCE_STATUS" at 0x10, ReadWrite, "E", "Clear." {}
}

/// `PR_MESH_RST_END` for several passes \[E\].
pub const SEVERAL_PASSES: u32 = 1;

/// The two core reset bits \[E\].
pub const CORE_RESET: u32 = general::AK_CORE_RST.mask() | general::SCC_CORE_RESET.mask();
/// The two bits that reset processors and their configuration \[E\].
pub const NP_RESET: u32 = general::AK_LOGIC_RST.mask() | general::AK_MESH_RST.mask();

/// What `IP_VERSION` reads on a device with these version bytes (vendor, product, major, minor).
pub const fn version_word([vendor, product, major, minor]: [u8; 4]) -> u32 {
    u32::from_be_bytes([vendor, product, major, minor])
}

/// The chip that `IP_VERSION` tells; a legacy part reads 0 and is told by the transport's description \[E\].
///
/// # Errors
/// The version bytes, if they are none of AKD1000 and AKD1500.
pub fn identify(word: u32, description: &str) -> Result<Device, [u8; 4]> {
    let version = match word {
        0 if description.contains("NSoC_v2") => Device::Akd1000.version(),
        0 if description.contains("NSoC_v1") => [0xBC, 0, 0, 1],
        word => word.to_be_bytes(),
    };
    Device::from_version(version).ok_or(version)
}

/// The printed form of version bytes: `BC.00.000.002` \[T\].
pub fn version_text([vendor, product, major, minor]: [u8; 4]) -> String {
    format!("{vendor:02X}.{product:02X}.{major:03}.{minor:03}")
}

/// Values of the mesh information registers that fit the processor lists: inferred, no more than that \[I\].
pub fn mesh_info(device: Device) -> [u32; 3] {
    match device {
        Device::Akd1000 => [0x0303_0505, 0x1003_0104, 0x0403_0401],
        Device::Akd1500 => [0x0101_0303, 0x1001_0114, 0x0300_0102],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chips_are_told_by_their_version() {
        assert_eq!(identify(0, "Embedded/NSoC_v2"), Ok(Device::Akd1000));
        assert_eq!(identify(0xBC00_0002, ""), Ok(Device::Akd1000));
        assert_eq!(identify(0xBCA1_0309, ""), Ok(Device::Akd1500));
        assert_eq!(identify(0, "Embedded/NSoC_v1"), Err([0xBC, 0, 0, 1]));
        assert_eq!(identify(u32::MAX, "NSoC_v2"), Err([0xFF; 4]));
        assert_eq!(version_text(Device::Akd1500.version()), "BC.A1.003.009");
        assert_eq!(version_word(Device::Akd1500.version()), 0xBCA1_0309);
    }
}
