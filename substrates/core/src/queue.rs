//! A substrate that does one job at a time, shared by many streams.
//!
//! A device has one input path. [`Queued`] gives a program on it to a thread of its own and hands it jobs through a
//! channel, so that any number of streams can use it from any number of threads: while one stream's product is under way,
//! the others compute on the host. With a single stream there is nothing to overlap.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use crate::{
    Capabilities, Loaded, Multiplier, Op, Precision, ProgramShape, Refusal, Runner, Substrate, SubstrateError, Support,
    WeightPatch,
};

/// Any substrate behind one queue per loaded program.
///
/// Results are those of the substrate inside; jobs of one stream are done in its order.
#[derive(Clone, Debug)]
pub struct Queued {
    inner: Arc<dyn Substrate>,
    deadline: Duration,
}

/// No answer from the thread that runs a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// The job was not done in time.
    #[error("no result within {deadline:?}: the device is stuck or has more streams than it can serve")]
    Deadline {
        /// How long was waited.
        deadline: Duration,
    },
    /// The thread is gone.
    #[error("the thread that runs the program has ended")]
    Ended,
}

impl From<QueueError> for SubstrateError {
    fn from(error: QueueError) -> Self {
        Self::Device(Box::new(error))
    }
}

impl Queued {
    /// Puts a substrate behind queues; a job that takes longer than `deadline`, waiting included, is an error.
    pub fn new(inner: Arc<dyn Substrate>, deadline: Duration) -> Self {
        Self { inner, deadline }
    }
}

impl Substrate for Queued {
    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }

    fn supports(&self, op: &Op) -> Result<Support, Refusal> {
        self.inner.supports(op)
    }

    fn load(&self, program: &[u8]) -> Result<Arc<dyn Loaded>, SubstrateError> {
        let inner = self.inner.load(program)?;
        let runner = inner.runner()?;
        let (jobs, queue) = unbounded();
        let worker = Worker { loaded: Arc::clone(&inner), runner, multipliers: HashMap::new() };
        let spawned = thread::Builder::new().name("forebay-queue".to_owned()).spawn(move || worker.serve(&queue));
        spawned.map_err(|error| SubstrateError::Device(Box::new(error)))?;
        Ok(Arc::new(QueuedProgram { inner, jobs, deadline: self.deadline }))
    }
}

/// One job: its buffers travel to the thread and back.
struct Job {
    work: Work,
    done: Sender<(Work, Result<(), SubstrateError>)>,
}

enum Work {
    Run { inputs: Vec<u8>, outputs: Vec<i32> },
    Multiply { precision: Precision, x: Vec<i32>, y: Vec<i64> },
}

/// What the thread owns.
struct Worker {
    loaded: Arc<dyn Loaded>,
    runner: Box<dyn Runner>,
    multipliers: HashMap<Precision, Box<dyn Multiplier>>,
}

impl Worker {
    /// Ends when nobody can send jobs any more.
    fn serve(mut self, queue: &Receiver<Job>) {
        for Job { mut work, done } in queue {
            let result = self.run(&mut work);
            // Who gave up waiting does not read the answer.
            let _ = done.send((work, result));
        }
    }

    fn run(&mut self, work: &mut Work) -> Result<(), SubstrateError> {
        match work {
            Work::Run { inputs, outputs } => self.runner.run(inputs, outputs),
            Work::Multiply { precision, x, y } => {
                if !self.multipliers.contains_key(precision) {
                    self.multipliers.insert(*precision, self.loaded.multiplier(*precision)?);
                }
                let multiplier = self.multipliers.get_mut(precision).expect("inserted if it was not there");
                multiplier.multiply(x, y)
            }
        }
    }
}

#[derive(Debug)]
struct QueuedProgram {
    inner: Arc<dyn Loaded>,
    jobs: Sender<Job>,
    deadline: Duration,
}

impl QueuedProgram {
    fn stream(&self) -> Stream {
        let (done, results) = bounded(1);
        Stream { jobs: self.jobs.clone(), done, results, deadline: self.deadline }
    }
}

impl Loaded for QueuedProgram {
    fn shape(&self) -> &ProgramShape {
        self.inner.shape()
    }

    fn runner(&self) -> Result<Box<dyn Runner>, SubstrateError> {
        let generation = self.inner.runner()?;
        Ok(Box::new(QueuedRunner { stream: self.stream(), generation, inputs: Vec::new(), outputs: Vec::new() }))
    }

    fn multiplier(&self, precision: Precision) -> Result<Box<dyn Multiplier>, SubstrateError> {
        crate::precision::check_shape(self.shape(), precision)?;
        Ok(Box::new(QueuedMultiplier { stream: self.stream(), precision, x: Vec::new(), y: Vec::new() }))
    }

    fn patch(&self, patches: &[WeightPatch]) -> Result<(), SubstrateError> {
        self.inner.patch(patches)
    }

    fn verify(&self) -> Result<(), SubstrateError> {
        self.inner.verify()
    }

    fn read_memory(&self, layer: usize, words: Range<usize>) -> Result<Vec<u32>, SubstrateError> {
        self.inner.read_memory(layer, words)
    }

    fn unload(&self) -> Result<(), SubstrateError> {
        self.inner.unload()
    }
}

/// One stream's end of the queue.
#[derive(Debug)]
struct Stream {
    jobs: Sender<Job>,
    done: Sender<(Work, Result<(), SubstrateError>)>,
    results: Receiver<(Work, Result<(), SubstrateError>)>,
    deadline: Duration,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Job")
    }
}

impl Stream {
    fn do_job(&mut self, work: Work) -> Result<(Work, Result<(), SubstrateError>), SubstrateError> {
        self.jobs.send(Job { work, done: self.done.clone() }).map_err(|_| QueueError::Ended)?;
        self.results.recv_timeout(self.deadline).map_err(|_| {
            // A late answer must not be taken for that of the next job.
            (self.done, self.results) = bounded(1);
            QueueError::Deadline { deadline: self.deadline }.into()
        })
    }
}

#[derive(Debug)]
struct QueuedRunner {
    stream: Stream,
    /// Never run: it only knows how often the program was patched.
    generation: Box<dyn Runner>,
    inputs: Vec<u8>,
    outputs: Vec<i32>,
}

impl Runner for QueuedRunner {
    fn run(&mut self, inputs: &[u8], outputs: &mut [i32]) -> Result<(), SubstrateError> {
        let (mut sent, mut room) = (std::mem::take(&mut self.inputs), std::mem::take(&mut self.outputs));
        sent.clear();
        sent.extend_from_slice(inputs);
        room.resize(outputs.len(), 0);
        let (work, result) = self.stream.do_job(Work::Run { inputs: sent, outputs: room })?;
        if let Work::Run { inputs: sent, outputs: computed } = work {
            if result.is_ok() {
                outputs.copy_from_slice(&computed);
            }
            (self.inputs, self.outputs) = (sent, computed);
        }
        result
    }

    fn generation(&self) -> u64 {
        self.generation.generation()
    }
}

#[derive(Debug)]
struct QueuedMultiplier {
    stream: Stream,
    precision: Precision,
    x: Vec<i32>,
    y: Vec<i64>,
}

impl Multiplier for QueuedMultiplier {
    fn multiply(&mut self, x: &[i32], y: &mut [i64]) -> Result<(), SubstrateError> {
        let (mut sent, mut room) = (std::mem::take(&mut self.x), std::mem::take(&mut self.y));
        sent.clear();
        sent.extend_from_slice(x);
        room.resize(y.len(), 0);
        let (work, result) = self.stream.do_job(Work::Multiply { precision: self.precision, x: sent, y: room })?;
        if let Work::Multiply { x: sent, y: computed, .. } = work {
            if result.is_ok() {
                y.copy_from_slice(&computed);
            }
            (self.x, self.y) = (sent, computed);
        }
        result
    }
}
