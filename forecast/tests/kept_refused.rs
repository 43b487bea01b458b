//! What cannot be a forecaster or a calibrator is refused with the part that cannot be, and never a panic.

use forebay::keep::{KeepError, open, seal};
use forebay::random::{Seed, Stream};
use forebay_forecast::ensemble::{Ensemble, Forecaster, Inputs, KeptForecaster};
use forebay_forecast::interval::{Calibrator, KeptCalibrator};
use ndarray::Array2;
use serde_json::{Value, json};

const KIND: &str = "a forecaster of a test";

/// With inputs, a season, and a streak that is half seen.
fn forecaster() -> Forecaster {
    let mut stream = Seed(1).stream("noise");
    let series: Vec<f64> = (0..160).map(|t| f64::from(t % 4) + stream.normal()).collect();
    let (past, ahead) = (Array2::from_elem((150, 1), 2.0), Array2::from_shape_fn((152, 1), |(t, _)| (t % 3) as f64));
    let inputs = Inputs { past: past.view(), ahead: ahead.view() };
    let settings = Ensemble::new(2).season(4).networks(2).limits(-1e9, 1e9);
    let mut forecaster = settings.fit_with(&series[..150], &inputs).expect("a fit");
    series[150..].iter().for_each(|value| drop(forecaster.step_with(*value, &[1.0], &[0.5])));
    forecaster.step_with(500.0, &[1.0], &[0.5]).expect("a row");
    forecaster
}

/// Puts a value in the place of another one.
fn with(kept: &Value, place: &str, value: Value) -> Value {
    let mut changed = kept.clone();
    *changed.pointer_mut(place).unwrap_or_else(|| panic!("no {place}")) = value;
    changed
}

/// The part that cannot be.
fn refused(kept: Value) -> Option<&'static str> {
    let kept: KeptForecaster = serde_json::from_value(kept).expect("it has the shape of one");
    match Forecaster::try_from(kept).map(|_| ()) {
        Err(KeepError::Content { field, .. }) => Some(field),
        Err(other) => panic!("{other}"),
        Ok(()) => None,
    }
}

fn longer(kept: &Value, place: &str) -> Value {
    let mut values = kept.pointer(place).and_then(Value::as_array).unwrap_or_else(|| panic!("no {place}")).clone();
    values.push(values.last().cloned().unwrap_or(json!(0.5)));
    with(kept, place, Value::from(values))
}

fn shorter(kept: &Value, place: &str) -> Value {
    let mut values = kept.pointer(place).and_then(Value::as_array).unwrap_or_else(|| panic!("no {place}")).clone();
    values.pop().expect("there are some");
    with(kept, place, Value::from(values))
}

#[test]
fn every_size_is_compared_with_the_others() {
    let kept = serde_json::to_value(forecaster()).expect("as text");
    assert_eq!(refused(kept.clone()), None);
    let bank = |part: &str| format!("/engine/banks/1/{part}");
    for (place, field) in [
        ("/weights".to_owned(), "weights of members"),
        ("/beside/past".to_owned(), "inputs"),
        ("/beside/ahead/0/1/newest".to_owned(), "last values"),
        ("/watch/weights".to_owned(), "weights of the watch"),
        ("/engine/past/newest".to_owned(), "last values"),
        ("/engine/smoother/season".to_owned(), "season of smoothing"),
        ("/engine/parts".to_owned(), "parts of members"),
        ("/engine/forecasts".to_owned(), "forecasts that wait"),
        ("/engine/errors/sums".to_owned(), "products of errors"),
        ("/streak/0/1".to_owned(), "features of inputs"),
        ("/told/members".to_owned(), "forecasts that wait"),
        (bank("waiting"), "numbers that wait"),
        (bank("sums/products"), "products of features"),
        (bank("sums/cross"), "products with the target"),
        (bank("sums/chunk"), "features that wait"),
        (bank("sums/targets"), "features that wait"),
        (bank("source/pool/scales"), "scales of inputs"),
        (bank("source/pool/model"), "model"),
        (bank("source/pool/session"), "session"),
        (bank("source/layout/seasonal"), "bank"),
        (bank("readouts/0/weights"), "weights of a readout"),
        (bank("readouts/0/penalties/0"), "sizes of penalties"),
        (bank("readouts/0/penalties/1"), "sizes of penalties"),
    ] {
        assert_eq!(refused(shorter(&kept, &place)), Some(field), "shorter {place}");
        let field = match &place[..] {
            "/engine/banks/1/source/layout/seasonal" => "seasonal lags",
            "/engine/banks/1/readouts/0/penalties/0" => "penalties",
            _ => field,
        };
        assert_eq!(refused(longer(&kept, &place)), Some(field), "longer {place}");
    }
    for place in ["/streak", "/engine/banks"] {
        assert!(refused(longer(&kept, place)).is_some(), "longer {place}");
        assert!(refused(shorter(&kept, place)).is_some(), "shorter {place}");
    }
}

#[test]
fn every_value_is_in_its_range() {
    let kept = serde_json::to_value(forecaster()).expect("as text");
    let huge = json!(1_u64 << 31);
    let bank = |part: &str| format!("/engine/banks/0/{part}");
    for (place, value, field) in [
        ("/told/horizon".to_owned(), json!(0), "horizon"),
        ("/told/horizon".to_owned(), json!(150), "horizon"),
        ("/told/horizon".to_owned(), json!(3), "forecasts that wait"),
        ("/told/rows".to_owned(), huge.clone(), "rows of the fit"),
        ("/told/rows".to_owned(), json!(u64::MAX), "rows"),
        ("/told/rows".to_owned(), json!(149), "rows since the fit"),
        ("/told/leading".to_owned(), json!(1), "rows since the fit"),
        ("/told/season".to_owned(), json!(1), "season"),
        ("/told/season".to_owned(), huge.clone(), "season"),
        ("/told/season".to_owned(), json!(5), "season of smoothing"),
        ("/told/season".to_owned(), Value::Null, "seasonal naive"),
        ("/told/inputs".to_owned(), json!([1, 2]), "inputs"),
        ("/told/members/0/member".to_owned(), json!("mean"), "members"),
        ("/told/members/3/member".to_owned(), json!("seasonal_naive"), "members"),
        ("/scale/size".to_owned(), json!(3.0), "scale"),
        ("/scale/size".to_owned(), json!(0.0), "scale"),
        ("/scale/size".to_owned(), json!(-2.0), "scale"),
        ("/limits".to_owned(), json!([2.0, 1.0]), "limits"),
        ("/rows".to_owned(), json!(160), "rows since the fit"),
        ("/rows".to_owned(), json!(u64::MAX), "rows"),
        ("/weights/0".to_owned(), json!(-0.25), "weights of members"),
        ("/weights/0".to_owned(), json!(1.0), "weights of members"),
        ("/beside/past/0/0/size".to_owned(), json!(0.3), "scale"),
        ("/beside/past/0/1/newest/0".to_owned(), json!(1.0e308), ""),
        ("/watch/limit".to_owned(), json!(-1.0), "limit of the watch"),
        ("/watch/limit".to_owned(), json!(1.0e300), "streak"),
        ("/watch".to_owned(), Value::Null, "streak"),
        ("/streak/0/0".to_owned(), Value::Null, "streak"),
        ("/engine/mean/count".to_owned(), huge.clone(), "mean"),
        ("/engine/mean/count".to_owned(), json!(0), "mean"),
        ("/engine/range/low".to_owned(), json!(1e9), "range"),
        ("/engine/smoother".to_owned(), Value::Null, "smoothing"),
        ("/engine/smoother/smoothing/damping".to_owned(), json!(1.5), "constants of smoothing"),
        ("/engine/parts/0/0".to_owned(), json!(1), "parts of members"),
        ("/engine/parts/0/0".to_owned(), json!(7), "parts of members"),
        ("/engine/parts/0/1".to_owned(), json!(1.5), "parts of members"),
        ("/engine/errors/members".to_owned(), huge.clone(), "members of errors"),
        ("/engine/errors/count".to_owned(), huge.clone(), "count of errors"),
        ("/members_moved".to_owned(), json!(8), "members that were moved"),
        ("/has_shifted".to_owned(), json!(true), "shifts"),
        ("/served/refits".to_owned(), json!(1), "refits"),
        ("/served/missing".to_owned(), json!(12), "counts since the fit"),
        (bank("is_like_the_last"), json!(true), "bank"),
        (bank("warm"), huge.clone(), "first row that counts"),
        (bank("sums/rows"), huge.clone(), "rows of sums"),
        (bank("sums/squares"), json!(-1.0), "sum of squares"),
        (bank("source/layout/short"), huge.clone(), "lags"),
        (bank("source/layout/short"), json!(47), "products of features"),
        (bank("source/layout/terms"), json!(3), "frequencies"),
        (bank("source/layout/seasonal/0"), json!(0), "seasonal lags"),
        (bank("source/pool/drive"), json!(3), "drive"),
        (bank("source/pool/drive"), json!(0), "inputs of the model"),
        (bank("source/pool/scales/0"), json!(0.0), "scales of inputs"),
        (bank("source/pool"), Value::Null, "products of features"),
        (bank("readouts/0/penalties/0/0"), json!(3), "penalties"),
        (bank("readouts/0/penalties/1/0"), json!(0.0), "sizes of penalties"),
        (bank("readouts"), json!([]), "readouts of a bank"),
    ] {
        let found = refused(with(&kept, &place, value.clone()));
        assert_eq!(found.unwrap_or(""), field, "{place}: {value}");
    }
}

/// A model and a session of another forecaster of the same shape.
#[test]
fn a_session_runs_on_its_own_model() {
    let kept = serde_json::to_value(forecaster()).expect("as text");
    let of = |bank: usize, part: &str| format!("/engine/banks/{bank}/source/pool/{part}");
    let other = kept.pointer(&of(1, "session")).expect("a second network").clone();
    assert_eq!(refused(with(&kept, &of(0, "session"), other.clone())), Some("session"));
    let model = kept.pointer(&of(1, "model")).expect("a second network").clone();
    let both = with(&with(&kept, &of(0, "session"), other), &of(0, "model"), model);
    assert_eq!(refused(both), None, "nobody can tell");
    let model = forebay::Esn::new(24).fit_next(Array2::from_elem((400, 1), 0.5).view()).expect("a network");
    let model = model.model().to_bytes().expect("its bytes");
    assert_eq!(refused(with(&kept, &of(0, "model"), json!(model))), Some("model"));
}

#[test]
fn every_flipped_bit_and_every_cut_of_a_sealed_file_is_refused() {
    let content = postcard::to_stdvec(&forecaster()).expect("bytes");
    let bytes = seal(KIND, 1, &content).expect("a name");
    assert_eq!(open(KIND, 1, &bytes).expect("whole"), content);
    let mut stream = Seed(2).stream("bits");
    let mut below = |end: usize| stream.below(end as u64) as usize;
    // Bits of the envelope all of them, then anywhere.
    let envelope = 8 * (48 + KIND.len());
    for bit in (0..envelope).chain((0..2000).map(|_| below(8 * bytes.len())).collect::<Vec<_>>()) {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(open(KIND, 1, &damaged).is_err(), "bit {bit}");
    }
    for cut in (0..100).chain((0..2000).map(|_| below(bytes.len())).collect::<Vec<_>>()) {
        assert!(open(KIND, 1, &bytes[..cut]).is_err(), "cut at {cut}");
    }
    assert!(matches!(open(KIND, 1, &[&bytes[..], &[0]].concat()), Err(KeepError::Surplus { found: 1, .. })));
    assert!(matches!(open("another", 1, &bytes), Err(KeepError::Kind { .. })));
    assert!(matches!(seal("two\nlines", 1, &content), Err(KeepError::Content { field: "kind", .. })));
    assert!(matches!(seal(&"x".repeat(65), 1, &content), Err(KeepError::Content { field: "kind", .. })));
    assert!(open(&KIND[..1], 1, &seal("a", 1, &[]).expect("a name")).expect("whole").is_empty());
}

fn goes_on(mut forecaster: Forecaster) {
    for value in [0.5, f64::NAN, 500.0, 500.0, 500.0, -3.0] {
        drop(forecaster.step_with(value, &[1.0], &[f64::NAN]));
    }
    drop((forecaster.pending(), forecaster.forecasts_of_members().count()));
}

/// Bytes that were changed and sealed again are refused or a forecaster that goes on: no panic, no waiting.
#[test]
fn nonsense_under_a_right_seal_never_panics() {
    // The first is numbers for the most part, the second has nearly as many sizes.
    let short: Vec<f64> = (0..9).map(|t| f64::from(t * t % 5)).collect();
    let short = Ensemble::new(2).season(3).networks(0).fit(&short).expect("a fit");
    let contents = [forecaster(), short].map(|forecaster| postcard::to_stdvec(&forecaster).expect("bytes"));
    let mut stream = Seed(3).stream("bytes");
    let (mut read, mut refused) = (0, 0);
    for turn in 0..6000 {
        let mut changed = contents[turn % 2].clone();
        for _ in 0..=turn % 3 {
            let place = stream.below(changed.len() as u64) as usize;
            changed[place] = stream.below(256) as u8;
        }
        if turn % 5 == 0 {
            changed.truncate(stream.below(changed.len() as u64) as usize);
        }
        match postcard::from_bytes::<Forecaster>(&changed) {
            Ok(forecaster) => {
                read += 1;
                goes_on(forecaster);
            }
            Err(_) => refused += 1,
        }
    }
    assert!(read > 100 && refused > 1000, "{read} {refused}");
}

/// Changes one thing somewhere in it: sizes, counts and numbers alike.
fn change(value: &mut Value, stream: &mut Stream) {
    let mut below = |end: usize| stream.below(end as u64) as usize;
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let place = below(fields.len());
            fields.values_mut().nth(place).into_iter().for_each(|value| change(value, stream));
        }
        Value::Array(values) => {
            let (place, what) = (below(values.len().max(1)), below(6));
            match what {
                0 => drop(values.pop()),
                1 => values.extend(values.last().cloned()),
                2 => values.clear(),
                _ => values.get_mut(place).into_iter().for_each(|value| change(value, stream)),
            }
        }
        Value::Bool(flag) => *flag = !*flag,
        Value::Number(number) => {
            let counts = number.as_u64().map(|n| [0, 1, n + 1, n.saturating_sub(1), 2 * n, 1 << 31, 1 << 60]);
            let floats = [0.0, -1.0, 0.5, 1e300, -1e-300, 2.0 * number.as_f64().unwrap_or(1.0), 1e12];
            let place = below(7);
            *value = counts.map_or(json!(floats[place]), |counts| json!(counts[place]));
        }
        _ => {}
    }
}

/// Sizes and counts that no longer fit each other.
#[test]
fn nonsense_of_the_right_shape_never_panics() {
    let kept = serde_json::to_value(forecaster()).expect("as text");
    let mut stream = Seed(5).stream("parts");
    let (mut read, mut refused) = (0, 0);
    for turn in 0..1500 {
        let mut changed = kept.clone();
        (0..=turn % 2).for_each(|_| change(&mut changed, &mut stream));
        let made = serde_json::from_value::<KeptForecaster>(changed).ok().and_then(|kept| kept.try_into().ok());
        match made {
            Some(forecaster) => {
                read += 1;
                goes_on(forecaster);
            }
            None => refused += 1,
        }
    }
    assert!(read > 50 && refused > 500, "{read} {refused}");
}

#[test]
fn a_calibrator_is_kept_or_refused() {
    let mut stream = Seed(4).stream("errors");
    for (coverage, horizon) in [(0.9, 1), (0.5, 24), (0.99, 3), (1e-20, 2)] {
        let mut a = Calibrator::new(coverage, horizon).expect("settings");
        for row in 0..1600 {
            if [0, 1, 7, 30, 500].contains(&row) {
                let bytes = postcard::to_stdvec(&a).expect("bytes");
                let mut b: Calibrator = postcard::from_bytes(&bytes).expect("it is read");
                assert_eq!(postcard::to_stdvec(&b).expect("bytes"), bytes);
                let mut later = a.clone();
                for row in 0..1000 {
                    let truth = if row % 11 == 5 { f64::NAN } else { stream.normal() };
                    later.push(0.25, truth);
                    b.push(0.25, truth);
                    let bits = |of: &Calibrator| of.half_width().map(f64::to_bits);
                    assert_eq!(bits(&later), bits(&b));
                }
            }
            a.push(0.0, stream.normal());
        }
        let kept = serde_json::to_value(&a).expect("as text");
        for (place, value, field) in [
            ("/alpha", json!(0.0), "share outside"),
            ("/alpha", json!(1.5), "share outside"),
            ("/horizon", json!(0), "horizon"),
            ("/horizon", json!(horizon + 1), "errors"),
            ("/level", json!(1.5), "level"),
            ("/errors/0", json!(-1.0), "errors"),
            ("/given/0", json!(-1.0), "errors"),
        ] {
            let kept: KeptCalibrator = serde_json::from_value(with(&kept, place, value)).expect("its shape");
            let why = Calibrator::try_from(kept).map(|_| ()).expect_err(place);
            assert!(matches!(why, KeepError::Content { field: found, .. } if found == field), "{place}: {why}");
        }
        let kept: KeptCalibrator = serde_json::from_value(longer(&kept, "/given")).expect("its shape");
        assert!(Calibrator::try_from(kept).is_err(), "more widths than the horizon");
    }
}
