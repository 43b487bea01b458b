//! A conductor, kept: heads, predictions that wait for their truth, and what each has earned.

use forebay_kernels::Real;

use super::{Conductor, LiveHead, MOST_KEPT};
use crate::conductor::head::Head;
use crate::conductor::layout::{Layout, MOST_HEADS, within};
use crate::conductor::pass::Pass;
use crate::conductor::past::Past;
use crate::conductor::stack::Stack;
use crate::conductor::trust::Window;
use crate::error::Error;
use crate::keep::{self, Content, KeepError, OfModel, Reader, Writer, must};

/// Rings are written whole, with zeros where nothing is yet: a window that is said to be long has to be there.
impl<T: Real> Content for Conductor<T> {
    const KIND: &'static str = keep::CONDUCTOR;

    fn write(&self, to: &mut Writer) -> Result<(), Error> {
        if let Some(live) = self.heads.iter().find(|live| live.placed.is_some()) {
            return Err(KeepError::Placed { head: live.head.definition.name.clone() }.into());
        }
        to.model(self.model())?;
        to.session(self.pass.session());
        to.count(self.nodes().len());
        self.nodes().iter().for_each(|node| to.text(node));
        to.count(self.memory);
        to.count(self.heads.len());
        for LiveHead { head, since, past, answered, window, product_since, .. } in &self.heads {
            head.write(to);
            to.number(*since);
            to.number(*product_since);
            for &step in answered {
                to.number(step);
            }
            past.write(to);
            window.write(to);
        }
        // The last outputs are those of the newest row.
        to.values(&self.kept);
        Ok(())
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        let model = from.model::<T>()?;
        let session = from.session(&model)?;
        let steps = session.steps();
        let count = from.count("number of nodes that heads read", 1, usize::MAX)?;
        from.must_have("nodes that heads read", count, 8)?;
        let nodes = (0..count).map(|_| Ok(from.text("name of a node")?.to_owned()));
        let nodes = nodes.collect::<Result<Vec<_>, KeepError>>()?;
        let widths = nodes.iter().map(|name| model.graph().find(name).map(|id| model.graph().nodes()[id.0].width()));
        let features = widths.sum::<Option<usize>>();
        let features = features.ok_or_else(|| KeepError::content("nodes that heads read", "are not in the model"))?;
        from.must_have("weights", features, size_of::<T>())?;
        let pass = Pass::new(&model, &nodes).map_err(|why| KeepError::content("nodes that heads read", why))?;
        let pass = pass.with_session(session);

        let memory = from.count("memory of predictions", 1, 1 << 16)?;
        let count = from.count("number of heads", 1, MOST_HEADS)?;
        from.must_have("heads", count, memory * size_of::<u64>())?;
        let mut heads: Vec<LiveHead<T>> = Vec::with_capacity(count);
        let mut first = 0;
        for _ in 0..count {
            let head = Head::read(features, from)?;
            let layout = Layout { heads: vec![head.definition.clone()] };
            let others = heads.iter().map(|live| &live.head.definition.name[..]);
            layout.check(others, first).map_err(|why| KeepError::content("head", format!("does not fit: {why}")))?;
            let since = from.number("first step of a head", steps)?;
            let product_since = from.number("first step of a product", steps)?;
            let answered = answered(memory, since..steps, from)?;
            let known = if head.persists() { memory + head.definition.trust.horizon() } else { 0 };
            let past = Past::read(known, head.definition.kind.columns(), since..steps, from)?;
            let newest = answered.iter().copied().max().unwrap_or(0);
            must(!head.persists() || newest == past.next(), "truths that are known", || "do not end with the newest")?;
            let window = Window::read(&head.definition, from)?;
            let rows = head.weights.nrows();
            heads.push(LiveHead { head, first, since, past, answered, window, placed: None, product_since });
            first += rows;
        }
        let rows = first;
        // Heads that came one call after the other had their horizons looked at by themselves; 1 is the least of them.
        within("the predictions kept", (memory + 1).saturating_mul(rows), 1, MOST_KEPT)
            .map_err(|why| KeepError::content("memory", format!("is out of range: {why}")))?;
        let kept: Vec<T> = from.values("predictions", memory * rows)?;
        let outputs = match steps.checked_sub(1).map(|last| (last % memory as u64) as usize) {
            Some(slot) => kept[slot * rows..(slot + 1) * rows].to_vec(),
            None => vec![T::ZERO; rows],
        };
        let all: Vec<&Head<T>> = heads.iter().map(|live| &live.head).collect();
        let stack = Stack::of(&all, model.form(), features)?;
        Ok(Self { before: pass.snapshot(), pass, stack, heads, next: vec![T::ZERO; rows], outputs, kept, memory })
    }
}

impl<T: Real> OfModel<T> for Conductor<T> {}

/// Per slot the step whose truth is known plus 1, of the steps since the head came.
fn answered(memory: usize, steps: std::ops::Range<u64>, from: &mut Reader<'_>) -> Result<Vec<u64>, KeepError> {
    let mut answered = Vec::with_capacity(memory);
    for slot in 0..memory as u64 {
        let next = from.number("step of a known truth", steps.end)?;
        let fits = next == 0 || (steps.contains(&(next - 1)) && (next - 1) % memory as u64 == slot);
        must(fits, "step of a known truth", || "is in the place of another")?;
        answered.push(next);
    }
    Ok(answered)
}
