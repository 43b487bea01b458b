//! Drift detection against closed forms, asked-for rates of false alarms and hostile samples.

use forebay::drift::{
    Adwin, Cusum, Detector, DriftMonitor, Event, Kind, Kswin, PageHinkley, Settings, Source, View, Whitener, Whitening,
    autocorrelation_time, ks_distance, levinson_durbin, thresholds,
};
use forebay::random::{Seed, Stream};
use ndarray::Array2;

/// `x(t) = phi x(t-1) + noise`, in any number of channels.
struct Noise {
    phi: f64,
    state: Vec<f64>,
    stream: Stream,
}

impl Noise {
    fn new(phi: f64, channels: usize, seed: u64) -> Self {
        let mut noise = Self { phi, state: vec![0.0; channels], stream: Seed(seed).stream("noise") };
        (0..200).for_each(|_| drop(noise.next()));
        noise
    }

    fn next(&mut self) -> Vec<f64> {
        self.state.iter_mut().for_each(|x| *x = self.phi * *x + self.stream.normal());
        self.state.clone()
    }

    fn stretch(&mut self, steps: usize) -> Array2<f64> {
        let channels = self.state.len();
        Array2::from_shape_vec((steps, channels), (0..steps).flat_map(|_| self.next()).collect()).expect("it fits")
    }
}

fn is_alarm(event: Event) -> bool {
    matches!(event, Event::Alarm { .. })
}

/// False alarms per 1,000 steps over `steps` steps after calibration on `stretch`.
fn rate(settings: Settings, phi: f64, channels: usize, stretch: usize, steps: usize) -> f64 {
    let mut noise = Noise::new(phi, channels, 100 + settings.seed);
    let mut monitor = DriftMonitor::calibrate(settings, noise.stretch(stretch).view()).expect("it can be calibrated");
    let alarms = (0..steps).filter(|_| is_alarm(monitor.observe(&noise.next()).expect("as many channels"))).count();
    assert_eq!(alarms as u64, monitor.alarms());
    alarms as f64 * 1000.0 / steps as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[test]
fn the_rate_of_false_alarms_is_the_one_asked_for() {
    let cases = [
        ("white, 5,000 steps", 0.0, 1, 5000, Settings::default()),
        ("AR(0.9), 20,000 steps", 0.9, 1, 20_000, Settings::default()),
        ("white, 11 channels", 0.0, 11, 5000, Settings::default()),
        ("white, Page-Hinkley", 0.0, 1, 5000, Settings { detector: Kind::PageHinkley, ..Settings::default() }),
        ("white, KSWIN alone", 0.0, 1, 5000, Settings { detector: Kind::Kswin, second: None, ..Settings::default() }),
        ("white, ADWIN alone", 0.0, 1, 5000, Settings { detector: Kind::Adwin, second: None, ..Settings::default() }),
        ("AR(0.9), magnitudes", 0.9, 1, 20_000, Settings { view: View::Magnitude, ..Settings::default() }),
        ("AR(0.9), blocks", 0.9, 1, 20_000, Settings { whitening: Whitening::Blocks, ..Settings::default() }),
    ];
    for (name, phi, channels, stretch, settings) in cases {
        let start = std::time::Instant::now();
        let rates: Vec<f64> =
            (0..7).map(|seed| rate(Settings { seed, ..settings.clone() }, phi, channels, stretch, 200_000)).collect();
        println!("{name}: {rates:.3?} per 1,000 steps, median {:.3}, {:.1?}", median(rates.clone()), start.elapsed());
    }
}

/// Median steps from a shift to the alarm, over 40 streams on 4 calibrations; a false alarm just before is no start.
fn delay(settings: &Settings, shift: f64) -> f64 {
    let mut delays = Vec::new();
    for seed in 0..4 {
        let stretch = Noise::new(0.0, 1, seed).stretch(5000);
        let settings = Settings { seed, ..settings.clone() };
        let calibrated = DriftMonitor::calibrate(settings, stretch.view()).expect("it can be calibrated");
        for stream in 0..10 {
            let mut noise = Noise::new(0.0, 1, 1000 + 10 * seed + stream);
            let mut monitor = calibrated.clone();
            let mut last = 0;
            for t in 0..500 {
                if is_alarm(monitor.observe(&noise.next()).expect("one channel")) {
                    last = t;
                }
            }
            if last > 300 {
                continue;
            }
            let found = (1..2000).find(|_| is_alarm(monitor.observe(&[noise.next()[0] + shift]).expect("one channel")));
            delays.push(found.map_or(f64::INFINITY, f64::from));
        }
    }
    median(delays)
}

#[test]
fn delays() {
    for (rate, limit) in [(0.5, 20.0), (0.1, 60.0)] {
        for kind in [Kind::Cusum, Kind::PageHinkley, Kind::Kswin, Kind::Adwin] {
            let start = std::time::Instant::now();
            let second = (kind == Kind::Cusum).then_some(Kind::Adwin);
            let settings = Settings { rate, detector: kind, second, ..Settings::default() };
            let [one, three] = [1.0, 3.0].map(|shift| delay(&settings, shift));
            println!(
                "{kind}, {rate} per 1,000: median delay {one} steps for 1 sd, {three} for 3 sd, {:.1?}",
                start.elapsed()
            );
        }
    }
}
