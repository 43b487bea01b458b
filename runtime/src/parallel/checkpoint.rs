//! The states of a run, to be kept.

use super::{Halo, ParallelRun};
use crate::checkpoint::{Checkpoint, CheckpointError, Patches};
use crate::error::Error;

/// The section that says which patches the values are of: five u64.
const SECTION: &str = "forebay: patches";

impl<H: Halo> ParallelRun<H> {
    /// The states of this rank's patches, tied to their model, grid and rank; each rank keeps its own. The values of a patch are
    /// those of a session, and they are put one after the other.
    ///
    /// ```
    /// use forebay::checkpoint::Checkpoint;
    /// use forebay::parallel::{ParallelReservoirs, PatchGrid};
    /// use forebay::reservoir::Reservoir;
    /// # let folder = tempfile::tempdir().expect("a temporary folder");
    /// # let path = folder.path().join("rank-0.state");
    ///
    /// let reservoirs = ParallelReservoirs::generate(PatchGrid::new(12, 3, 2)?, Reservoir::new(30), 1)?;
    /// let mut run = reservoirs.start()?;
    /// run.step(&[0.5; 12])?;
    /// run.checkpoint().save(&path)?;
    ///
    /// let mut resumed = reservoirs.start()?;
    /// resumed.resume(&Checkpoint::read(&path)?)?;
    /// assert_eq!(resumed.forecast(5)?, run.forecast(5)?);
    /// # Ok::<(), forebay::Error>(())
    /// ```
    pub fn checkpoint(&self) -> Checkpoint {
        let states = self.groups.iter().flat_map(|group| {
            let state = |stream| group.batch.checkpoint(stream).expect("a stream of its own");
            (0..group.batch.streams()).map(state)
        });
        let Patches { points, patches, overlap, first, count } = self.patches();
        let section = [points, patches, overlap, first, count].map(u64::to_le_bytes).concat();
        Checkpoint::joined(states).expect("a run has at least one patch").with_section(SECTION, section)
    }

    /// Takes up a checkpoint of this rank's patches; the next steps are bit for bit those that followed it. All ranks resume before
    /// any of them steps.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if it is of another model, grid or rank, of another number of ranks, or of no parallel run; the run is
    /// as before.
    pub fn resume(&mut self, checkpoint: &Checkpoint) -> Result<(), Error> {
        let run = self.patches();
        let found = checkpoint.section(SECTION).and_then(patches_of);
        if found != Some(run) {
            return Err(CheckpointError::Patches { checkpoint: found, run }.into());
        }
        let count = run.count as usize;
        let parts = checkpoint.parts(count);
        let mut parts = parts.ok_or(CheckpointError::Patches { checkpoint: None, run })?;
        // All are alike: what is refused is refused for the first, before any is changed.
        for group in &mut self.groups {
            for (stream, state) in (0..group.batch.streams()).zip(&mut parts) {
                group.batch.resume(stream, &state)?;
            }
        }
        self.steps = checkpoint.steps();
        // What the patches made of the last step is what they see in the next.
        let outputs: Vec<f64> = self.groups.iter().flat_map(|group| group.batch.outputs()).copied().collect();
        let overlap = self.grid.overlap();
        self.field[overlap..overlap + outputs.len()].copy_from_slice(&outputs);
        Ok(())
    }

    fn patches(&self) -> Patches {
        let count = self.groups.iter().map(|group| group.batch.streams()).sum::<usize>();
        let first = self.halo.rank() * count;
        let [points, patches, overlap] = [self.grid.points(), self.grid.patches(), self.grid.overlap()];
        let [points, patches, overlap, first, count] = [points, patches, overlap, first, count].map(|n| n as u64);
        Patches { points, patches, overlap, first, count }
    }
}

fn patches_of(section: &[u8]) -> Option<Patches> {
    let numbers: Vec<u64> = section.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
    let [points, patches, overlap, first, count] = numbers[..] else { return None };
    (section.len() == 40).then_some(Patches { points, patches, overlap, first, count })
}
