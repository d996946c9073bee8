"""From a study to finished units: plan, runner, engines, workers."""
