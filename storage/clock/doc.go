// Package clock is the time seam: every timer that can decide an outcome and
// every wall-clock reading comes from a Clock, so that a simulation can own time.
//
// It also keeps the hybrid-logical clock (Kulkarni et al., "Logical Physical
// Clocks", 2014, section 4) that stamps writes: physical milliseconds, and a
// counter that orders what one millisecond holds.
package clock
