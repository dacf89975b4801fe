/**
 * Node's diagnostic reports (`--report-on-signal` and the like), which whoever runs Glassway may turn on: they hold no heap and
 * no bodies, but would write down the environment, and with it the keys that come in variables. Called in each thread, since
 * each has its part of a report.
 */
export function leaveEnvironmentOutOfReports(): void {
  if (process.report) process.report.excludeEnv = true;
}
