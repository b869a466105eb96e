/** What the published JSON schemas of CycloneDX 1.6 and SPDX 2.3 ask of documents like ours, as rules of our own: required members,
 * patterns, enumerations, unique and resolvable references. */

type Json = Record<string, unknown>;

const componentTypes = ['application', 'library', 'container', 'operating-system'];

/** @returns What is wrong, in words. */
export function checkCyclonedx(document: Json): string[] {
  const problems: string[] = [];
  const expectThat = (holds: boolean, problem: string) => void (holds || problems.push(problem));
  expectThat(document.bomFormat === 'CycloneDX', 'bomFormat');
  expectThat(document.specVersion === '1.6', 'specVersion');
  const uuid = /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
  expectThat(uuid.test(String(document.serialNumber)), 'serialNumber');
  expectThat(Number.isInteger(document.version) && Number(document.version) >= 1, 'version');
  const metadata = document.metadata as Json;
  expectThat(isDateTime(metadata.timestamp), 'metadata.timestamp');
  const references = new Set<string>();
  const visit = (component: Json, where: string) => {
    expectThat(componentTypes.includes(String(component.type)), `${where}: type`);
    expectThat(typeof component.name === 'string' && component.name !== '', `${where}: name`);
    const reference = String(component['bom-ref']);
    expectThat(!references.has(reference), `${where}: bom-ref ${reference} twice`);
    references.add(reference);
    if (component.purl !== undefined) expectThat(isPackageUrl(component.purl), `${where}: purl ${component.purl}`);
    for (const choice of (component.licenses as Json[] | undefined) ?? []) {
      const isChoice = (choice.license === undefined) !== (choice.expression === undefined);
      expectThat(isChoice, `${where}: a licence is an object or an expression`);
    }
    for (const child of (component.components as Json[] | undefined) ?? []) visit(child, `${where}/${child.name}`);
  };
  visit(metadata.component as Json, 'metadata.component');
  for (const component of document.components as Json[]) visit(component, String(component.name));
  const heads = new Set<string>();
  for (const {ref, dependsOn} of document.dependencies as {ref: string; dependsOn: string[]}[]) {
    expectThat(!heads.has(ref), `dependencies: ${ref} twice`);
    heads.add(ref);
    for (const one of [ref, ...dependsOn]) expectThat(references.has(one), `dependencies: ${one} is nowhere`);
    expectThat(new Set(dependsOn).size === dependsOn.length, `dependencies: ${ref} names one twice`);
  }
  return problems;
}

/** @returns What is wrong, in words. */
export function checkSpdx(document: Json): string[] {
  const problems: string[] = [];
  const expectThat = (holds: boolean, problem: string) => void (holds || problems.push(problem));
  expectThat(document.spdxVersion === 'SPDX-2.3', 'spdxVersion');
  expectThat(document.dataLicense === 'CC0-1.0', 'dataLicense');
  expectThat(document.SPDXID === 'SPDXRef-DOCUMENT', 'SPDXID');
  expectThat(typeof document.name === 'string', 'name');
  expectThat(/^[a-z]+:[^#]+$/.test(String(document.documentNamespace)), 'documentNamespace');
  const {created, creators} = document.creationInfo as {created: string; creators: string[]};
  expectThat(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(created), 'creationInfo.created');
  expectThat(
    creators.every((creator) => /^(Tool|Person|Organization): ./.test(creator)),
    'creationInfo.creators',
  );
  const ids = new Set(['SPDXRef-DOCUMENT']);
  const known = new Set((document.hasExtractedLicensingInfos as Json[]).map(({licenseId}) => String(licenseId)));
  for (const id of known) expectThat(/^LicenseRef-[A-Za-z0-9.-]+$/.test(id), `licence ${id}`);
  for (const item of document.packages as Json[]) {
    const id = String(item.SPDXID);
    expectThat(/^SPDXRef-[A-Za-z0-9.-]+$/.test(id), `${id}: letters, digits, "." and "-" alone`);
    expectThat(!ids.has(id), `${id} twice`);
    ids.add(id);
    for (const field of ['name', 'downloadLocation', 'licenseConcluded', 'licenseDeclared', 'copyrightText']) {
      expectThat(typeof item[field] === 'string' && item[field] !== '', `${id}: ${field}`);
    }
    for (const reference of String(item.licenseDeclared).match(/LicenseRef-[A-Za-z0-9.-]+/g) ?? []) {
      expectThat(known.has(reference), `${id}: ${reference} is nowhere`);
    }
    for (const reference of (item.externalRefs as Json[] | undefined) ?? []) {
      expectThat(reference.referenceCategory === 'PACKAGE-MANAGER', `${id}: category of a reference`);
      expectThat(isPackageUrl(reference.referenceLocator), `${id}: purl`);
    }
  }
  for (const {spdxElementId, relatedSpdxElement, relationshipType} of document.relationships as Json[]) {
    expectThat(
      ids.has(String(spdxElementId)) && ids.has(String(relatedSpdxElement)),
      `relationship of ${spdxElementId}`,
    );
    expectThat(['DESCRIBES', 'CONTAINS', 'DEPENDS_ON'].includes(String(relationshipType)), `${relationshipType}`);
  }
  return problems;
}

function isDateTime(value: unknown): boolean {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(String(value)) && !Number.isNaN(Date.parse(String(value)));
}

function isPackageUrl(value: unknown): boolean {
  return /^pkg:deb\/[a-z]+\/[A-Za-z0-9.%_-]+@[A-Za-z0-9.%:_~-]+\?arch=[a-z0-9]+(&distro=[a-z0-9.-]+)?$/.test(
    String(value),
  );
}
