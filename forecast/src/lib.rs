//! Real series: from a file to a forecast one can put to work.
//!
//! | room | what it does |
//! |---|---|
//! | [`table`] | reads files of people and simulation codes: columns with what each was taken for, the clock, gaps, cells |
//! | [`ensemble`] | forecasts that are combined: members, rolling origins, penalties, weights, shifts of level |
//! | [`calendar`] | what is known ahead of a row from its time |
//! | [`interval`] | quantiles of a forecast from its own errors |
//! | [`service`] | the forecasts of a table: fitted, judged, going on row by row, kept |
//! | [`verdict`] | whether one forecast is better than another |

pub mod calendar;
pub mod ensemble;
pub mod interval;
pub mod service;
pub mod table;
pub mod verdict;
