/** Types of `/vendor/preact.js`: Preact, its hooks and htm in one file, as assets.ts serves it. */
export * from 'htm/preact';
export type { ComponentChildren, VNode } from 'preact';
