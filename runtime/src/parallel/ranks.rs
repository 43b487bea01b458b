//! Ranks that are processes of an MPI job.

use std::fmt;

use mpi::point_to_point::send_receive_into;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, CommunicatorCollectives};

use super::Halo;
use crate::error::Error;

/// The ranks of an MPI communicator, one process each.
///
/// Messages go through a duplicate of the communicator, so that they do not meet the caller's. MPI is called by the thread
/// that steps the run, and by no other; initialise it with [`mpi::Threading::Funneled`] or above. An MPI call that fails
/// ends the job, as is MPI's default. A rank that gets an error from this crate must call
/// [`abort`](mpi::traits::Communicator::abort), or the others wait for it.
///
/// ```no_run
/// use forebay::parallel::{MpiHalo, mpi};
///
/// let ranks = 4;
/// let (universe, _) = mpi::initialize_with_threading(mpi::Threading::Funneled).expect("MPI is not initialised yet");
/// let halo = MpiHalo::new(&universe.world(), ranks)?;
/// # Ok::<(), forebay::Error>(())
/// ```
pub struct MpiHalo {
    communicator: SimpleCommunicator,
}

impl fmt::Debug for MpiHalo {
    /// The communicator is a handle that tells nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MpiHalo").field("rank", &self.rank()).field("size", &self.size()).finish()
    }
}

impl MpiHalo {
    /// A ring of all ranks of `communicator`, in their order; called by all of them.
    ///
    /// `ranks` is the number that the caller started: a program under the `mpirun` of another MPI library runs that many
    /// times as rank 0 of 1, without a word.
    ///
    /// # Errors
    /// [`Error::Misuse`] if the communicator has another number of ranks.
    pub fn new(communicator: &impl Communicator, ranks: usize) -> Result<Self, Error> {
        let found = communicator.size() as usize;
        if found != ranks {
            return Err(Error::Misuse {
                what: "the MPI communicator has another number of ranks than was asked for",
                instead: format!(
                    "{ranks} expected, {found} found: start the program with the mpirun of the MPI library that it is \
                     linked to"
                ),
            });
        }
        Ok(Self { communicator: communicator.duplicate() })
    }
}

impl Halo for MpiHalo {
    fn rank(&self) -> usize {
        self.communicator.rank() as usize
    }

    fn size(&self) -> usize {
        self.communicator.size() as usize
    }

    fn exchange(
        &mut self,
        left_edge: &[f64],
        right_edge: &[f64],
        from_left: &mut [f64],
        from_right: &mut [f64],
    ) -> Result<(), Error> {
        let (rank, size) = (self.communicator.rank(), self.communicator.size());
        let left = self.communicator.process_at_rank((rank + size - 1) % size);
        let right = self.communicator.process_at_rank((rank + 1) % size);
        // One direction after the other: with two ranks both neighbours are the same process, and messages between two
        // processes arrive in order.
        send_receive_into(right_edge, &right, from_left, &left);
        send_receive_into(left_edge, &left, from_right, &right);
        Ok(())
    }

    fn gather(&mut self, own: &[f64], all: &mut [f64]) -> Result<(), Error> {
        self.communicator.all_gather_into(own, all);
        Ok(())
    }
}
