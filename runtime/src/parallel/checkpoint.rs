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

    /// Takes up a checkpoint of this rank's patches; the next steps are bit for bit those that followed it. All ranks call it, each with
    /// its own, and tell each other what they have: a job that was ended while it wrote leaves checkpoints of two steps.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if it is of another model, grid or rank, of another number of ranks, or of no parallel run, or if that
    /// is so on another rank or its checkpoint is of another step; the run is as before, on all ranks.
    pub fn resume(&mut self, checkpoint: &Checkpoint) -> Result<(), Error> {
        let states = self.states_of(checkpoint);
        let own = states.as_ref().ok().map(|_| checkpoint.steps());
        // Nothing is returned before all ranks have told: they wait for each other.
        let found = self.on_all_ranks(own)?;
        let states = states?;
        let own = checkpoint.steps();
        if let Some(rank) = found.iter().position(|steps| *steps != Some(own)) {
            return Err(CheckpointError::Ranks { own, rank, found: found[rank] }.into());
        }
        let mut states = states.iter();
        for group in &mut self.groups {
            for (stream, state) in (0..group.batch.streams()).zip(&mut states) {
                group.batch.resume(stream, state)?;
            }
        }
        self.steps = checkpoint.steps();
        // What the patches made of the last step is what they see in the next.
        let outputs: Vec<f64> = self.groups.iter().flat_map(|group| group.batch.outputs()).copied().collect();
        let overlap = self.grid.overlap();
        self.field[overlap..overlap + outputs.len()].copy_from_slice(&outputs);
        Ok(())
    }

    /// The states of this run's patches, which the run can take up.
    fn states_of(&self, checkpoint: &Checkpoint) -> Result<Vec<Checkpoint>, Error> {
        let run = self.patches();
        let found = checkpoint.section(SECTION).and_then(patches_of);
        let states = checkpoint.parts(run.count as usize).filter(|_| found == Some(run));
        let states: Vec<Checkpoint> = states.ok_or(CheckpointError::Patches { checkpoint: found, run })?.collect();
        // All are alike: what fits one patch fits all.
        for (group, state) in self.groups.iter().zip(&states) {
            group.batch.model().session().resume(state)?;
        }
        Ok(states)
    }

    /// Steps as every rank has them, or none.
    fn on_all_ranks(&mut self, own: Option<u64>) -> Result<Vec<Option<u64>>, Error> {
        // Two halves, each of which a float holds exactly; minus one is none.
        let own = own.map_or([-1.0; 2], |steps| [steps >> 32, steps & 0xffff_ffff].map(|half| half as f64));
        let mut all = vec![0.0; 2 * self.halo.size()];
        self.halo.gather(&own, &mut all)?;
        let steps = |halves: &[f64]| (halves[0] >= 0.0).then(|| ((halves[0] as u64) << 32) | halves[1] as u64);
        Ok(all.chunks_exact(2).map(steps).collect())
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
