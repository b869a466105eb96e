import type {z} from 'zod';
import {CloudError} from '../base/index.js';
import type {HttpAnswer} from './http.js';

/** A service's answer in the shape that it should have.
 * @throws {CloudError} `request-failed` when it hasn't: a proxy's page, or an API we don't know.
 */
export function answerAs<S extends z.ZodType>(schema: S, answer: HttpAnswer, method: string, url: string): z.output<S> {
  const result = schema.safeParse(answer.json);
  if (result.success) return result.data;
  const {path = [], message} = result.error.issues[0] ?? {};
  const where = path.length ? ` at ${path.join('.')}` : '';
  throw new CloudError('request-failed', {method, url, outcome: `answered something unexpected${where}: ${message}`});
}
