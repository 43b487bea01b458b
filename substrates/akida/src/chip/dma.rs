//! The registers that configuration, event and HRC DMA have alike.

use super::register::registers;

registers! { REGISTERS:
    ctrl "CTRL" at 0x00, ReadWrite, "E", "Mode, start and stop." {
        VERSION [3:0], RUN [8:8], SOFT_RESET [9:9], INT_EN [10:10], RUN_HW_EN [11:11], OB_BIG_ENDIAN [20:20],
        IB_BIG_ENDIAN [21:21], VALID_FIFO_EN [23:23], WR_INFO_EN [24:24], WR_INFO_HDR [25:25], HEADER_BYTES [31:26],
    }
    desc_cont "DESC_CONT" at 0x04, ReadWrite, "E", "The container taken last, and the last one that is valid; 0xFF before the first." {
        CUR [7:0], LAST [23:16], CHAINED_BURST [31:31],
    }
    cont_addr "CONT_ADDR" at 0x08, ReadWrite, "E", "Address of the descriptor ring." {}
    cont_size "CONT_SIZE" at 0x0C, ReadWrite, "E", "Container size in 32 bytes, and the highest index of the ring." {
        UNITS [4:0], HIGHEST [23:16],
    }
    desc_status "DESC_STATUS" at 0x10, ReadOnly, "E", "The job that was finished last." {
        VERSION [3:0], JOB [31:16],
    }
    input_now "INPUT_ADDRESS" at 0x14, ReadOnly, "E", "Current input address." {}
    output_now "OUTPUT_ADDRESS" at 0x18, ReadOnly, "E", "Current output address." {}
    output_words "OUTPUT_WORDS" at 0x1C, ReadOnly, "E", "Words put out." {}
    input_words "INPUT_WORDS" at 0x20, ReadOnly, "E", "Words taken in." { COUNT [15:0] }
    buf_mon_ctrl "BUF_MON_CTRL" at 0x24, ReadWrite, "E", "Clears status; masks; timer. Bits 2:0 read 0." {
        STATUS_CLEAR [0:0], COUNTER_CLEAR [1:1], JOB_FIFO_CLEAR [2:2], BUF_END_SELECT [9:8], COUNTER_EN [12:12],
        TIMER_EN [13:13], JOB_FIFO_EN [14:14], MASK_OB [16:16], MASK_IB [17:17], MASK_EXTERNAL [18:18], MASK_BURST [19:19],
    }
    buf_mon_status "BUF_MON_STATUS" at 0x28, ReadOnly, "E", "What ended: status bits, and the same after the masks." {
        OB [0:0], IB [1:1], EXTERNAL [2:2], BURST [3:3], INT_OB [16:16], INT_IB [17:17], INT_EXTERNAL [18:18], INT_BURST [19:19],
    }
    counter "BUF_COUNTER" at 0x2C, ReadOnly, "E", "Buffers." {}
    timer "BUF_TIMER" at 0x30, ReadOnly, "E", "Clocks that the last buffers took; wraps." {}
    delays "DESC_START_DELAYS" at 0x38, ReadWrite, "E", "Waits between descriptors." { START [9:0], PAYLOAD_END [23:16] }
    extra "EXTRA_DESC_CTRL" at 0x3C, ReadWrite, "E", "Descriptors after the ring." { LAST [7:0], ENABLE [12:12] }
    job_fifo "JOB_ID_FIFO" at 0x50, ReadOnly, "E", "Not used." { COUNT [7:0], VALID [8:8], JOB [31:16] }
    replay "REPLAY_BUF_CTRL" at 0x70, ReadWrite, "E", "Several passes: bursts of descriptors, replayed data." {
        MAX_BURST [0:0], HW_OB_ADDRESS [4:4], HW_OB_DYNAMIC [5:5], HW_WORD5 [7:6], START_HALT_EN [8:8], START_HALT [9:9],
        REPLAY [16:16], OB_REUSE [20:20], IB_REUSE [21:21], TIMER_MODE [24:24], OB_RAM_CLEAR [28:28], MAIN_BUFFER [29:29],
    }
    burst "REPLAY_BURST_VAL" at 0x74, ReadWrite, "E", "Descriptors per burst, and passes." {
        DESCRIPTORS [7:0], LOOPS [23:16], LAYER_LOOPS [31:24],
    }
    replay_main "REPLAY_DESC_MAIN" at 0x78, ReadWrite, "E", "Address of the descriptor that the hardware writes." {}
    replay_scratch "REPLAY_DESC_SCRATCH" at 0x7C, ReadWrite, "E", "The same, scratch." {}
    ob_event "REPLAY_OB_EVENT" at 0x80, ReadWrite, "E", "Output address in several passes." {}
    ob_scratch "REPLAY_OB_SCRATCH" at 0x84, ReadWrite, "E", "Address of a payload word." {}
    ob_offset "REPLAY_OB_OFFSET" at 0x88, ReadWrite, "E", "Offsets in output buffers." {
        DESCRIPTOR [2:0], UNIT [4:4], EVENTS_32 [15:8], EVENTS [31:16],
    }
    max_ob "REPLAY_MAX_OB" at 0x8C, ReadWrite, "E", "Numbers of output buffers." { DESCRIPTORS [11:0], EVENTS [31:16] }
    word5 "REPLAY_DESC_WORD5" at 0x90, ReadWrite, "E", "Learning class in several passes." { CLASS [25:16] }
    interval "INTERRUPT_INTERVAL" at 0x94, ReadWrite, "E", "Not used." { IB [7:0], OB [23:16] }
    clear_size "OB_PLD_CLEAR_SIZE" at 0x98, ReadWrite, "E", "Words of each output buffer that are zeroed before data come." {
        WORDS [27:0], ENABLE [31:31],
    }
    replay_status "REPLAY_STATUS" at 0x9C, ReadOnly, "E", "Not used." { LOOP [7:0], HALTED [8:8], BREAK [31:24] }
    reset_ctrl "RESET_CTRL" at 0xA0, ReadWrite, "E", "Parts of the controller." { LOGIC [0:0], INBOUND [1:1], OUTBOUND [2:2] }
    debug "DEBUG_CTRL" at 0xB0, ReadWrite, "E", "Loopback, used in the maker's first test of a board." {
        LOOPBACK [0:0], CHECKSUM_EN [4:4], CHECKSUM_RESET [5:5], FORCE_INTERRUPT [8:8], FORCE_RESUME [9:9],
        PORT [26:24], EXT_VALID [30:30], VALID_BYPASS [31:31],
    }
    axi "AXI_STATUS" at 0xB4, ReadOnly, "E", "Not used." {}
    sum_in "INBOUND_CHECKSUM" at 0xB8, ReadOnly, "E", "Not used." {}
    sum_out "OUTBOUND_CHECKSUM" at 0xBC, ReadOnly, "E", "Not used." {}
}

/// `DESC_CONT` after a reset of the controller \[E\]; to be confirmed on a board.
pub const DESC_CONT_RESET: u32 = 0x00FF_00FF;
/// Most containers of a ring \[E\].
pub const MOST_CONTAINERS: usize = 254;
/// Bytes of a container per unit of its size \[E\].
pub const UNIT_BYTES: u32 = 32;
/// Bytes of the header in front of an output \[E\]\[K\].
pub const HEADER_BYTES: u32 = 32;
