//! The software substrate: what others computed first, then the reference on random layers, then the shared cases.

mod fixtures;
mod random;

use std::sync::Arc;
use std::time::Duration;

use forebay_akida::{Device, Program};
use forebay_kernels::Form;
use forebay_software::Software;
use forebay_substrate::conformance::check;
use forebay_substrate::reference::Chain;
use forebay_substrate::{Queued, Substrate};

#[test]
fn it_passes_the_shared_cases() {
    for device in Device::ALL {
        for form in Form::available() {
            passes(device, &Software::with_form(device, form));
        }
    }
}

#[test]
fn it_passes_them_through_a_queue() {
    let software = Arc::new(Software::new(Device::Akd1000).expect("a kernel form"));
    passes(Device::Akd1000, &Queued::new(software, Duration::from_mins(1)));
}

fn passes(device: Device, substrate: &dyn Substrate) {
    let write = |chain: &Chain| Ok(Program::of_chain(device, chain)?.into_bytes());
    let outcomes = check(substrate, &write);
    assert!(outcomes.len() > 50, "all cases were run");
    for outcome in outcomes {
        assert_eq!(outcome.failure, None, "{device}, {substrate:?}: {}", outcome.case);
    }
}
