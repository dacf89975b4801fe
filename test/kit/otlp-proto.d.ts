/** OpenTelemetry's protobuf definitions, as its JavaScript project generated them. */
declare module 'otlp-proto/build/src/generated/root.js' {
  const root: unknown;
  export default root;
}
