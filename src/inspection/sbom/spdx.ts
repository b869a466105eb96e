import {type BilledPackage, type BillOfMaterials, isoSeconds, licenceReferences} from './bill.js';

/** The bill as SPDX 2.3. Equal bills give equal values.
 * @param uuid Of the bill.
 * @see https://spdx.github.io/spdx-spec/v2.3/
 */
export function spdx(bill: BillOfMaterials, uuid: string): object {
  const {container, packages} = bill;
  const billed = [...packages, ...(container?.packages ?? [])];
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: bill.name,
    documentNamespace: `urn:uuid:${uuid}`,
    creationInfo: {created: isoSeconds(bill.epoch), creators: ['Tool: trovestack']},
    comment: `Elements: ${bill.elements.join(' ')} (sha256 of the set: ${bill.elementsDigest})`,
    packages: [
      {
        ...unsaid,
        SPDXID: imageId,
        name: bill.name,
        versionInfo: bill.version,
        summary: bill.description,
        primaryPackagePurpose: 'OPERATING-SYSTEM',
      },
      ...packages.map((item) => packageOf(item, packageId(item, ''))),
      ...(container
        ? [
            {
              ...unsaid,
              SPDXID: containerId,
              name: container.name,
              versionInfo: container.version,
              primaryPackagePurpose: 'CONTAINER',
            },
            ...container.packages.map((item) => packageOf(item, packageId(item, 'container-'))),
          ]
        : []),
    ],
    hasExtractedLicensingInfos: licenceReferences(billed).map(([licenseId, name]) => ({
      licenseId,
      name,
      extractedText: `A licence that Debian's copyright files name "${name}"; its text is in /usr/share/doc/PACKAGE/copyright.`,
    })),
    relationships: [
      relation('SPDXRef-DOCUMENT', 'DESCRIBES', imageId),
      ...contents(imageId, packages, ''),
      ...(container
        ? [relation(imageId, 'CONTAINS', containerId), ...contents(containerId, container.packages, 'container-')]
        : []),
    ],
  };
}

const imageId = 'SPDXRef-image';
const containerId = 'SPDXRef-container';

/** What nobody here can say of a package. */
const unsaid = {
  downloadLocation: 'NOASSERTION',
  filesAnalyzed: false,
  licenseConcluded: 'NOASSERTION',
  licenseDeclared: 'NOASSERTION',
  copyrightText: 'NOASSERTION',
};

/** Letters, digits, `.` and `-` alone may be in an SPDX identifier. */
function packageId({name, architecture}: BilledPackage, prefix: string): string {
  return `SPDXRef-${prefix}${name.replaceAll('+', '.plus.')}-${architecture}`;
}

function packageOf(item: BilledPackage, SPDXID: string): object {
  const {name, version, purl, licence, summary, source, sourceVersion, maintainer, homepage} = item;
  return {
    ...unsaid,
    SPDXID,
    name,
    versionInfo: version,
    ...(maintainer ? {supplier: `Organization: ${maintainer}`} : {}),
    ...(homepage ? {homepage} : {}),
    ...(summary ? {summary} : {}),
    sourceInfo: `built from the source package ${source} ${sourceVersion}`,
    ...(licence ? {licenseDeclared: licence.expression} : {}),
    externalRefs: [{referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl}],
  };
}

function contents(owner: string, packages: readonly BilledPackage[], prefix: string): object[] {
  const ids = new Map(packages.map((item) => [item.name, packageId(item, prefix)]));
  return packages.flatMap((item) => {
    const own = packageId(item, prefix);
    const needed = item.needs.flatMap((name) => ids.get(name) ?? []);
    return [relation(owner, 'CONTAINS', own), ...needed.map((id) => relation(own, 'DEPENDS_ON', id))];
  });
}

function relation(spdxElementId: string, relationshipType: string, relatedSpdxElement: string): object {
  return {spdxElementId, relationshipType, relatedSpdxElement};
}
