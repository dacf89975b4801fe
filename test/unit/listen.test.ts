/** How addresses are named. */
import { reachableHost } from '../../contract/listen.ts';

test('an address that listens everywhere is named as one that can be opened, an IPv6 one as URLs want it', () => {
  expect(['0.0.0.0', '::', '::1', '10.0.0.5', 'glassway.internal'].map(reachableHost)).toEqual([
    '127.0.0.1',
    '[::1]',
    '[::1]',
    '10.0.0.5',
    'glassway.internal',
  ]);
});
