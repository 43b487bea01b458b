//! Least squares and spectral radii beside an independent library; together, because it takes long to compile.

mod least_squares;
mod spectral_radius;
mod spectral_radius_large;
