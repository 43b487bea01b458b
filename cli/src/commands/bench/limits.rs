//! `forebay bench limits`: what this machine can do at most.

use anyhow::Result;
use forebay::Form;
use forebay_kernels::limits::Limits;
use serde_json::json;

use super::shared::{LIMITS_BUDGET, machine};
use crate::output::{self, align};

pub(super) fn limits(as_json: bool) -> Result<()> {
    let form = Form::from_env()?;
    let (machine, limits) = (machine(form), Limits::measure(form, LIMITS_BUDGET));
    if as_json {
        return output::print_json(&json!({"machine": machine, "limits": limits}));
    }
    let mut rows = vec![["working set", "GB/s read"].map(str::to_owned).to_vec()];
    for rate in &limits.reading {
        rows.push(vec![format!("{} KiB", rate.bytes >> 10), format!("{:.0}", rate.bytes_per_second / 1e9)]);
    }
    rows.push(vec![]);
    rows.push(["multiply-adds", "G/s"].map(str::to_owned).to_vec());
    for (name, rate) in
        [("f32", limits.f32_macs_per_second), ("f64", limits.f64_macs_per_second), ("i8", limits.i8_macs_per_second)]
    {
        rows.push(vec![name.to_owned(), format!("{:.0}", rate / 1e9)]);
    }
    rows.push(vec![]);
    rows.push(["gathered from", "f32 G/s", "f64 G/s"].map(str::to_owned).to_vec());
    for rate in &limits.gathering {
        let g = |v: f64| format!("{:.1}", v / 1e9);
        rows.push(vec![format!("{} elements", rate.elements), g(rate.f32_per_second), g(rate.f64_per_second)]);
    }
    output::print(&(machine.line() + &align(&rows)))
}
