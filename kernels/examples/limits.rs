//! Prints what this machine can do at most, and the least times that follow for products of some sizes.

use std::time::Duration;

use forebay_kernels::{Form, FormError, limits::Limits};

fn main() -> Result<(), FormError> {
    let limits = Limits::measure(Form::from_env()?, Duration::from_secs(3));
    println!("form {}", limits.form);
    for rate in &limits.reading {
        println!("read {:>8} KiB: {:7.1} GB/s", rate.bytes >> 10, rate.bytes_per_second / 1e9);
    }
    let [f32, f64, i8] = [limits.f32_macs_per_second, limits.f64_macs_per_second, limits.i8_macs_per_second];
    println!("multiply-adds: f32 {:.1} G/s, f64 {:.1} G/s, i8 {:.1} G/s", f32 / 1e9, f64 / 1e9, i8 / 1e9);
    for rate in &limits.gathering {
        let (f32, f64) = (rate.f32_per_second / 1e9, rate.f64_per_second / 1e9);
        println!("gather from {:>5}: f32 {f32:.2} G/s, f64 {f64:.2} G/s", rate.elements);
    }
    for n in [100, 200, 500, 1000, 2000] {
        let (f32, f64) = (limits.dense_floor_seconds::<f32>(n, n), limits.dense_floor_seconds::<f64>(n, n));
        println!("dense  {n:>5}     : f32 {:8.2} us, f64 {:8.2} us", f32 * 1e6, f64 * 1e6);
    }
    for (n, percent) in [(1000, 1), (2000, 1), (500, 10), (1000, 10), (2000, 10), (5000, 10)] {
        let entries = n * n * percent / 100;
        let (f32, f64) =
            (limits.sparse_floor_seconds::<f32>(n, entries), limits.sparse_floor_seconds::<f64>(n, entries));
        println!("sparse {n:>5} {percent:>2} %: f32 {:8.2} us, f64 {:8.2} us", f32 * 1e6, f64 * 1e6);
    }
    Ok(())
}
