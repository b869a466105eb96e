import {describe, expect, it} from 'vitest';
import {refusal} from './refusal.js';

const request = {method: 'POST', url: 'http://t/x'} as const;

function refused(status: number, text: string) {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return refusal(request, {status, headers: {}, text, json});
}

describe('a refusal', () => {
  it('is about rights, limits, or something else', () => {
    expect(refused(403, '{"forbidden": {"message": "User does not have admin privileges."}}').code).toBe(
      'not-authorized',
    );
    expect(refused(413, '<html><title>413</title>Image storage quota exceeded</html>').code).toBe('over-quota');
    expect(refused(403, 'Quota exceeded for resource: images').code).toBe('over-quota');
    const silent = 'An error occurred communicating with the guest: Timed out waiting for a reply, limit reached.';
    expect(refused(400, silent).code).toBe('guest-silent');
    expect(refused(500, '').code).toBe('request-failed');
  });

  it("carries the service's own reason, however it is wrapped", () => {
    const reasons = [
      refused(400, '{"badRequest": {"code": 400, "message": "Bad name"}}'),
      refused(400, '<html><head><title>400 Bad</title></head><body>Bad\n name</body></html>'),
      refused(400, '{"error": {"code": 400, "message": "Bad name"}}'),
    ];
    for (const error of reasons) expect(error.message).toContain('answered 400: Bad name');
  });
});
