/**
 * Newline-delimited JSON: one JSON text a line. Gives one frame per line that is not blank, the last
 * one also when its line end is missing. Cut anywhere; a long line is parsed as it comes.
 */
import { asBuffer } from './bytes.ts';
import { type Deframer, FrameData, type OnFrame } from './frame.ts';

const LF = 0x0a;

export function createNdjsonDeframer(onFrame: OnFrame): Deframer {
  const line = new FrameData();
  const giveOut = (): void => {
    if (line.empty) return;
    const frame = line.take('');
    if (frame.data === undefined || !isBlank(frame.data)) onFrame(frame);
  };
  return {
    fault: undefined,
    push(bytes) {
      const chunk = asBuffer(bytes);
      let at = 0;
      while (at < chunk.length) {
        const end = chunk.indexOf(LF, at);
        if (end === -1) {
          line.add(chunk.subarray(at));
          return;
        }
        if (end > at) line.add(chunk.subarray(at, end));
        giveOut();
        at = end + 1;
      }
    },
    end: giveOut,
  };
}

function isBlank(data: Buffer): boolean {
  for (const byte of data) if (byte !== 0x20 && byte !== 0x0d && byte !== 0x09) return false;
  return true;
}
