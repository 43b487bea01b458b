//! The content of a sealed forecaster or calibrator is refused in one line, or it is one that goes on and is written back the same.
#![no_main]

use forebay::keep::{KeepError, open, seal};
use forebay_forecast::ensemble::{Forecaster, KeptForecaster};
use forebay_forecast::interval::{Calibrator, KeptCalibrator};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // Under a right seal, as anybody can make one.
    let sealed = seal("fuzz", 1, bytes).expect("a name");
    let content = open("fuzz", 1, &sealed).expect("it was just sealed");
    if let Ok(kept) = postcard::from_bytes::<KeptForecaster>(content) {
        match Forecaster::try_from(kept) {
            Ok(mut forecaster) => {
                let bytes = postcard::to_stdvec(&forecaster).expect("it was read");
                let again: Forecaster = postcard::from_bytes(&bytes).expect("it was written");
                assert!(postcard::to_stdvec(&again).expect("it was read") == bytes);
                let (past, ahead) = forecaster.told().inputs;
                for value in [0.5, f64::NAN, 900.0, 900.0, 900.0, -1.0] {
                    drop(forecaster.step_with(value, &vec![0.5; past], &vec![f64::NAN; ahead]));
                }
                drop((forecaster.pending(), forecaster.forecasts_of_members().count()));
            }
            Err(why) => is_told(&why),
        }
    }
    if let Ok(kept) = postcard::from_bytes::<KeptCalibrator>(content) {
        match Calibrator::try_from(kept) {
            Ok(mut calibrator) => {
                [0.5, f64::NAN, 2.0].into_iter().for_each(|truth| calibrator.push(1.0, truth));
                drop(calibrator.interval(0.0));
            }
            Err(why) => is_told(&why),
        }
    }
});

fn is_told(why: &KeepError) {
    assert!(matches!(why, KeepError::Content { .. }), "{why}");
    assert!(!why.to_string().contains('\n'), "{why}");
}
