/** A request's parameter that cannot be accepted: names it, its value (cut) and what is accepted. */

const VALUE_CHARS_SHOWN = 80;

export class BadParameter extends Error {
  constructor(name: string, value: string, accepted: string) {
    const shown = value.length > VALUE_CHARS_SHOWN ? `${value.slice(0, VALUE_CHARS_SHOWN)}…` : value;
    super(`${name}: ${JSON.stringify(shown)} is not accepted; want ${accepted}.`);
    this.name = 'BadParameter';
  }
}
