"""The page as JSON: field names in Spanish, since the route is. One table; a test holds it complete."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

KEYS = {
    "identification": "identificacion",
    "allergies": "alergias",
    "problems": "problemas",
    "medication": "medicacion",
    "results": "resultados",
    "visits": "atenciones",
    "studies": "imagenes",
    "reports": "informes",
    "lung": "rutaPulmon",
    "complete": "completo",
    "read_at": "leido",
    "id": "id",
    "name": "nombre",
    "given": "nombres",
    "family": "apellidos",
    "documents": "documentos",
    "birth_date": "fechaNacimiento",
    "age": "edad",
    "sex": "sexo",
    "deceased": "fallecido",
    "contacts": "contactos",
    "address": "direccion",
    "language": "idioma",
    "practitioner": "profesional",
    "organization": "establecimiento",
    "payers": "financiadores",
    "kind": "tipo",
    "number": "numero",
    "system": "sistema",
    "years": "anios",
    "months": "meses",
    "days": "dias",
    "value": "valor",
    "use": "uso",
    "substance": "sustancia",
    "code": "codigo",
    "category": "categoria",
    "criticality": "criticidad",
    "reactions": "reacciones",
    "state": "estado",
    "items": "lista",
    "since": "desde",
    "recorded": "registrado",
    "instructions": "indicacion",
    "unit": "unidad",
    "date": "fecha",
    "interpretation": "interpretacion",
    "low": "bajo",
    "high": "alto",
    "text": "texto",
    "group": "grupo",
    "last": "ultimo",
    "previous": "anterior",
    "trend": "tendencia",
    "reference": "referencia",
    "series": "serie",
    "count": "cantidad",
    "start": "inicio",
    "reason": "motivo",
    "description": "descripcion",
    "modalities": "modalidades",
    "images": "imagenes",
    "conclusion": "conclusion",
    "step": "paso",
    "lung_rads": "lungRads",
    "lung_rads_date": "fechaLungRads",
    "next_control": "proximoControl",
    "overdue": "vencido",
    "nodule_mm": "noduloMm",
    "stage": "estadio",
    "stage_method": "metodoEstadio",
    "tnm": "tnm",
    "ecog": "ecog",
    "markers": "marcadores",
    "treatments": "tratamientos",
}


def spanish(value: Any) -> Any:
    """Dataclasses become objects with Spanish keys; everything else stays what it is."""
    if is_dataclass(value) and not isinstance(value, type):
        return {KEYS[f.name]: spanish(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple):
        return [spanish(item) for item in value]
    return value
