import {readFileIfThere, type World, writeFileWhole} from '../base/index.js';

/** Which of an image's boots is proven. */
interface ProofKey {
  readonly sha256: string;
  readonly firmware: 'bios' | 'uefi';
}

/** What a boot proof found about these very bytes on this machine, or undefined. Only what was proven is kept. */
export async function findProof<T>(key: ProofKey, world: World): Promise<T | undefined> {
  const text = await readFileIfThere(proofPath(key, world));
  return text === undefined ? undefined : (JSON.parse(text) as T);
}

/** Firmware with which this machine saw an image boot and serve.
 * @param sha256 Of the image file.
 */
export async function bootsProven(sha256: string, world: World): Promise<ProofKey['firmware'][]> {
  const kinds = ['bios', 'uefi'] as const;
  const proofs = await Promise.all(kinds.map((firmware) => findProof({sha256, firmware}, world)));
  return kinds.filter((_, i) => proofs[i] !== undefined);
}

/** Keeps a boot proof under the digest of the bytes that it is about. */
export async function keepProof(key: ProofKey, proof: object, world: World): Promise<void> {
  await writeFileWhole(proofPath(key, world), JSON.stringify(proof));
}

function proofPath({sha256, firmware}: ProofKey, world: World): string {
  return `${world.paths.store}/proofs/${sha256}-${firmware}.json`;
}
