//! Readouts that are trained: solutions, choices of penalties, scores, gaps and noise, learners that run along.

mod metrics;
mod noise;
mod online;
mod partial;
mod repeatability;
mod scores;
mod selection;
mod solutions;
