select create_distributed_table('fhir.display', 'bucket', colocate_with => 'fhir.resource');
