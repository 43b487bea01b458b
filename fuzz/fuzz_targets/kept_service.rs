//! A kept service, or the file of a forecast, under a right seal: refused in one line, or it takes a row, is judged, and is written back the same.
#![no_main]

use forebay::keep::seal;
use forebay_forecast::service::{ForecastFile, Rows, Service, ServiceError};
use libfuzzer_sys::fuzz_target;
use ndarray::Array2;

fuzz_target!(|bytes: &[u8]| {
    // As anybody can seal them.
    let sealed = |kind| seal(kind, 1, bytes).expect("a name");
    match Service::from_bytes(&sealed("forecast service")) {
        Ok(service) => goes_on(service),
        Err(why) => is_told(&why),
    }
    match ForecastFile::from_bytes(&sealed("forecast")) {
        Ok(file) => {
            drop(file.to_bytes().expect("it was read"));
            goes_on(file.scored);
            goes_on(file.newest);
        }
        Err(why) => is_told(&why),
    }
});

fn goes_on(mut service: Service) {
    let bytes = service.to_bytes().expect("it was read");
    let again = Service::from_bytes(&bytes).expect("it was written");
    assert!(again.to_bytes().expect("it was read") == bytes);
    let (targets, (past, ahead)) = (service.targets().count(), service.inputs());
    for value in [0.5, f64::NAN, 900.0] {
        // Numbers that stay in their ranges in what was read may leave them with the next row: that is an error when it is written.
        let before = service.to_bytes().ok();
        if service.step(&vec![value; targets], &vec![0.5; past], &vec![f64::NAN; ahead]).is_err() {
            assert!(service.to_bytes().ok() == before, "nothing has changed");
        }
    }
    let table = |columns| Array2::from_elem((3, columns), 1.0);
    let (targets, past, ahead) = (table(targets), table(past), table(ahead));
    let rows = Rows { targets: targets.view(), past: past.view(), ahead: ahead.view() };
    if let Ok(tested) = service.judge(&rows) {
        for tested in tested.iter().flat_map(|tested| &tested.horizons) {
            drop((tested.scores(), tested.against_best()));
        }
    }
}

fn is_told(why: &ServiceError) {
    assert!(matches!(why, ServiceError::Kept { .. }), "{why}");
    assert!(!why.to_string().contains('\n'), "{why}");
}
