import { describe, expect, it } from 'vitest';
import { contrast, isColour, mix, shades, textOn } from './brand';

describe('the colours of a developer portal', () => {
  it('have the contrast that WCAG says', () => {
    expect(contrast('#000000', '#ffffff')).toBeCloseTo(21, 5);
    expect(contrast('#1c64b0', '#ffffff')).toBeGreaterThan(4.5);
    expect(contrast('#777777', '#ffffff')).toBeCloseTo(4.478, 2);
  });
  it('choose text that can be read', () => {
    expect([textOn('#1c64b0'), textOn('#74b4f5'), textOn('#ffee00')]).toEqual(['#ffffff', '#000000', '#000000']);
  });
  it('stand where the kit takes them', () => {
    const all = shades({ accent: '#1c64b0', accent_dark: '#74b4f5' });
    expect([all[7], all[3], all.length]).toEqual(['#1c64b0', '#74b4f5', 10]);
    expect(all.every(isColour)).toBe(true);
    expect(mix('#000000', '#ffffff', 0.5)).toBe('#808080');
  });
});
