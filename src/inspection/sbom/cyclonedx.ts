import {type BilledPackage, type BillOfMaterials, isoSeconds} from './bill.js';

/** The bill as CycloneDX 1.6. Equal bills give equal values: the serial number is theirs, the date is the image's.
 * @param uuid Of the bill.
 * @see https://cyclonedx.org/docs/1.6/json/
 */
export function cyclonedx(bill: BillOfMaterials, uuid: string): object {
  const {container} = bill;
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuid}`,
    version: 1,
    metadata: {
      timestamp: isoSeconds(bill.epoch),
      tools: {components: [{type: 'application', name: 'trovestack'}]},
      component: {
        type: 'operating-system',
        'bom-ref': 'image',
        name: bill.name,
        version: bill.version,
        description: bill.description,
      },
      properties: [
        {name: 'trovestack:elementsDigest', value: bill.elementsDigest},
        ...bill.elements.map((value) => ({name: 'trovestack:element', value})),
      ],
    },
    components: [
      ...bill.packages.map((item) => component(item, '')),
      ...(container
        ? [
            {
              type: 'container',
              'bom-ref': 'container',
              name: container.name,
              version: container.version,
              components: container.packages.map((item) => component(item, containerPrefix)),
            },
          ]
        : []),
    ],
    dependencies: [
      {ref: 'image', dependsOn: [...bill.packages.map(({purl}) => purl), ...(container ? ['container'] : [])]},
      ...dependencies(bill.packages, ''),
      ...(container
        ? [
            {ref: 'container', dependsOn: container.packages.map(({purl}) => containerPrefix + purl)},
            ...dependencies(container.packages, containerPrefix),
          ]
        : []),
    ],
  };
}

/** References are unique in a document, and a container has packages that its host has too. */
const containerPrefix = 'container/';

function component(item: BilledPackage, prefix: string): object {
  const {name, version, purl, licence, summary, source, sourceVersion, maintainer} = item;
  const known = licence && Object.keys(licence.references).length === 0 && !/ /.test(licence.expression);
  return {
    type: 'library',
    'bom-ref': prefix + purl,
    ...(maintainer ? {supplier: {name: maintainer}} : {}),
    name,
    version,
    ...(summary ? {description: summary} : {}),
    ...(licence ? {licenses: [known ? {license: {id: licence.expression}} : {expression: licence.expression}]} : {}),
    purl,
    properties: [
      {name: 'debian:source', value: source},
      {name: 'debian:sourceVersion', value: sourceVersion},
    ],
  };
}

function dependencies(packages: readonly BilledPackage[], prefix: string): object[] {
  const purls = new Map(packages.map(({name, purl}) => [name, purl]));
  return packages.map(({purl, needs}) => {
    const dependsOn = needs.flatMap((name) => purls.get(name) ?? []).map((ref) => prefix + ref);
    return {ref: prefix + purl, dependsOn};
  });
}
