/** Who says it: the resource attributes of everything that a process exports. */
import { hostname } from 'node:os';
import { defaultResource, detectResources, envDetector, type Resource, resourceFromAttributes } from '@opentelemetry/resources';

/** The variables' over ours over the SDK's. */
export function exportResource(version: string, instanceId: string): Resource {
  const own = resourceFromAttributes({
    'service.name': 'glassway',
    'service.version': version,
    'service.instance.id': instanceId,
    'host.name': hostname(),
  });
  return defaultResource()
    .merge(own)
    .merge(detectResources({ detectors: [envDetector] }));
}
