import { describe, expect, it } from 'vitest';
import { endpoint, linesOf, schemeOf } from './words';

describe('streams', () => {
  it('say where clients connect to', () => {
    expect(endpoint({ protocol: 'tcp', port: 9000 }, 'demo.example.com')).toBe('demo.example.com:9000');
    expect(endpoint({ protocol: 'tls', sni: ['db.demo.example.com', '*.demo.example.com'] }, 'demo.example.com')).toBe('db.demo.example.com, *.demo.example.com');
    expect(endpoint({ protocol: 'udp' }, 'demo.example.com')).toBe('');
  });
  it('have targets of their transport', () => {
    expect([schemeOf('tcp'), schemeOf('tls'), schemeOf('udp')]).toEqual(['tcp://', 'tcp://', 'udp://']);
  });
  it('read one entry a line', () => {
    expect(linesOf(' 203.0.113.0/24 \n\n2001:db8::/32\n')).toEqual(['203.0.113.0/24', '2001:db8::/32']);
    expect(linesOf(' \n')).toBeUndefined();
  });
});
