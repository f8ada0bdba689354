"""Which types of resource are somebody's, which are everybody's, and which are for nobody but who may see all.

A reach smaller than 'all' can only be checked on a resource that says whose it is. So three lists, and no other way:
types of the patient compartment are checked against the patient; the directory is open to whoever has the scope; all the
rest (Binary, Bundle, Parameters, Device, …) may carry anything about anybody without saying whose it is, and is refused
to every smaller reach.
"""

from __future__ import annotations

# Who and where care is given, what things are called, how forms and protocols look: nothing about a patient.
_DIRECTORY = """
ActivityDefinition CapabilityStatement CatalogEntry ChargeItemDefinition CodeSystem CompartmentDefinition ConceptMap
DeviceDefinition Endpoint EventDefinition Evidence EvidenceVariable ExampleScenario GraphDefinition HealthcareService
ImplementationGuide InsurancePlan Library Location Measure Medication MedicationKnowledge MessageDefinition
MedicinalProduct MedicinalProductAuthorization MedicinalProductContraindication MedicinalProductIndication
MedicinalProductIngredient MedicinalProductInteraction MedicinalProductManufactured MedicinalProductPackaged
MedicinalProductPharmaceutical MedicinalProductUndesirableEffect NamingSystem ObservationDefinition
OperationDefinition Organization OrganizationAffiliation PlanDefinition Practitioner PractitionerRole Questionnaire
ResearchDefinition ResearchElementDefinition ResearchStudy RiskEvidenceSynthesis EffectEvidenceSynthesis Schedule
SearchParameter Slot SpecimenDefinition StructureDefinition StructureMap Substance SubstanceNucleicAcid
SubstancePolymer SubstanceProtein SubstanceReferenceInformation SubstanceSourceMaterial SubstanceSpecification
TerminologyCapabilities TestScript ValueSet
"""
DIRECTORY = frozenset(_DIRECTORY.split())

# The patient compartment of R4, and the patient. http://hl7.org/fhir/R4/compartmentdefinition-patient.html
_COMPARTMENT = """
Account AdverseEvent AllergyIntolerance Appointment AppointmentResponse AuditEvent Basic BodyStructure CarePlan
CareTeam ChargeItem Claim ClaimResponse ClinicalImpression Communication CommunicationRequest Composition Condition
Consent Coverage CoverageEligibilityRequest CoverageEligibilityResponse DetectedIssue DeviceRequest
DeviceUseStatement DiagnosticReport DocumentManifest DocumentReference Encounter EnrollmentRequest EpisodeOfCare
ExplanationOfBenefit FamilyMemberHistory Flag Goal Group ImagingStudy Immunization ImmunizationEvaluation
ImmunizationRecommendation Invoice List MeasureReport Media MedicationAdministration MedicationDispense
MedicationRequest MedicationStatement MolecularSequence NutritionOrder Observation Patient Person Procedure
Provenance QuestionnaireResponse RelatedPerson RequestGroup ResearchSubject RiskAssessment Schedule ServiceRequest
Specimen SupplyDelivery SupplyRequest VisionPrescription
"""
COMPARTMENT = frozenset(_COMPARTMENT.split())

# In the compartment of each patient they name, and they name many: who is shown one learns of the others.
OF_SEVERAL = frozenset({"Group", "MeasureReport", "Person"})

# Whose each is can be checked: what a reach smaller than 'all' may open besides the directory.
PERSONAL = COMPARTMENT - DIRECTORY - OF_SEVERAL - {"AuditEvent"}

# The trail, shown as AuditEvents, has a feature of its own and is written by nobody from outside.
TRAIL = "AuditEvent"
