import {CloudError} from '../base/index.js';
import type {HttpAnswer, HttpRequest} from './http.js';

/** The error that a refusing answer means, by its cause. */
export function refusal(request: HttpRequest, answer: HttpAnswer): CloudError {
  const problem = reasonIn(answer);
  const facts = {method: request.method, url: request.url, problem};
  // Trove 23 answers 400 when its agent in the guest is silent (GuestError, GuestTimeout in common/exception.py).
  if (/communicating with the guest|connect to the guest agent/i.test(problem)) {
    return new CloudError('guest-silent', facts);
  }
  const speaksOfLimits = /quota|limit|exceed|too large|no space/i.test(problem);
  if (answer.status === 413 || (speaksOfLimits && [400, 403, 409].includes(answer.status))) {
    return new CloudError('over-quota', facts);
  }
  if (answer.status === 401 || answer.status === 403) return new CloudError('not-authorized', facts);
  return new CloudError('request-failed', {...facts, outcome: `answered ${answer.status}: ${problem}`});
}

/** What a service says about its refusal: OpenStack's services each wrap it their own way. */
export function reasonIn(answer: HttpAnswer): string {
  const wrapped = messageIn(answer.json);
  const plain = answer.text.replace(/<title>.*?<\/title>/s, '').replace(/<[^>]*>/g, ' ');
  return (wrapped ?? plain).replace(/\s+/g, ' ').trim().slice(0, 500) || 'no reason given';
}

function messageIn(value: unknown): string | undefined {
  if (value === null || typeof value !== 'object') return undefined;
  if ('message' in value && typeof value.message === 'string') return value.message;
  for (const member of Object.values(value)) {
    const message = messageIn(member);
    if (message !== undefined) return message;
  }
  return undefined;
}
