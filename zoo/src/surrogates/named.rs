//! A board that calls what it loads by a name.

use std::sync::Arc;

use forebay::{Board, Refusal, Substrate, SubstrateError};
use forebay_substrate::{Capabilities, Loaded, Op, Support};

#[derive(Debug)]
struct Named {
    board: Board,
    name: String,
}

/// The same board, which loads programs under this name from now on; its [`tenants`](Board::tenants) tell it.
///
/// ```
/// use forebay::{DriverOptions, open_board};
/// use forebay_zoo::surrogates::named;
///
/// let board = open_board("emulator:akd1000", DriverOptions::default())?;
/// assert_eq!(named(&board, "rod").capabilities().device, "AKD1000");
/// # Ok::<(), forebay::Error>(())
/// ```
pub fn named(board: &Board, name: &str) -> Arc<dyn Substrate> {
    Arc::new(Named { board: board.clone(), name: name.to_owned() })
}

impl Substrate for Named {
    fn capabilities(&self) -> &Capabilities {
        self.board.capabilities()
    }

    fn supports(&self, op: &Op) -> Result<Support, Refusal> {
        self.board.supports(op)
    }

    fn load(&self, program: &[u8]) -> Result<Arc<dyn Loaded>, SubstrateError> {
        self.board.load_as(&self.name, program)
    }
}
