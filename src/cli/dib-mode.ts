/** `image build --dib …`, which is how trove-image-builder comes to it, is `image dib …`. */
export function withDibMode(argv: readonly string[]): readonly string[] {
  const [noun, verb, ...rest] = argv;
  const end = rest.indexOf('--');
  const at = rest.indexOf('--dib');
  if (noun !== 'image' || verb !== 'build' || at < 0 || (end >= 0 && at > end)) return argv;
  return ['image', 'dib', ...rest.filter((_, index) => index !== at)];
}
