"""Where attributes lie in the functional groups of enhanced images (PS3.3 C.7.6.16). Pure data.

Source: the macros of PS3.3, C.7.6.16.2 and the sections of each enhanced IOD.
"""

from collections.abc import Mapping

from dicom_sieve.dicom.dictionary import find_keyword, key_of

_PLACES = """
    BiopsyTargetSequence: CalculatedTargetPosition DisplayedZValue LocalizingCursorPosition TargetLabel TargetUID
    CTAcquisitionDetailsSequence: DataCollectionDiameter GantryDetectorTilt ReferencedPathIndex RevolutionTime
        RotationDirection SingleCollimationWidth TableHeight TotalCollimationWidth
    CTAcquisitionTypeSequence: AcquisitionType ConstantVolumeFlag FluoroscopyFlag TubeAngle
    CTAdditionalXRaySourceSequence: DataCollectionDiameter EnergyWeightingFactor ExposureInmAs FilterMaterial
        FilterType FocalSpots KVP XRayTubeCurrentInmA
    CTExposureSequence: CTDIvol ExposureInmAs ExposureModulationType ExposureTimeInms
        ImageAndFluoroscopyAreaDoseProduct ReferencedXRaySourceIndex WaterEquivalentDiameter XRayTubeCurrentInmA
    CTGeometrySequence: DistanceSourceToDataCollectionCenter DistanceSourceToDetector ReferencedPathIndex
    CTImageFrameTypeSequence: FrameType PixelPresentation VolumeBasedCalculationTechnique VolumetricProperties
    CTPositionSequence: DataCollectionCenterPatient ReconstructionTargetCenterPatient TablePosition
    CTReconstructionSequence: ConvolutionKernel ConvolutionKernelGroup ImageFilter ReconstructionAlgorithm
        ReconstructionAngle ReconstructionDiameter ReconstructionFieldOfView ReconstructionPixelSpacing
    CTTableDynamicsSequence: SpiralPitchFactor TableFeedPerRotation TableSpeed
    CTXRayDetailsSequence: CalciumScoringMassFactorDevice CalciumScoringMassFactorPatient EnergyWeightingFactor
        FilterMaterial FilterType FocalSpots KVP ReferencedPathIndex
    CalibrationSequence: CalibrationImage
    CardiacSynchronizationSequence: ActualCardiacTriggerDelayTime ActualCardiacTriggerTimePriorToRPeak HeartRate
        HighRRValue IntervalsAcquired IntervalsRejected LowRRValue NominalCardiacTriggerDelayTime
        NominalCardiacTriggerTimePriorToRPeak NominalPercentageOfCardiacPhase RRIntervalTimeNominal
    CollimatorShapeSequence: CenterOfCircularCollimator CollimatorLeftVerticalEdge CollimatorLowerHorizontalEdge
        CollimatorRightVerticalEdge CollimatorShape CollimatorUpperHorizontalEdge RadiusOfCircularCollimator
        VerticesOfThePolygonalCollimator
    ConfocalMicroscopyImageFrameTypeSequence: FrameType
    ContrastBolusUsageSequence: ContrastBolusAgentAdministered ContrastBolusAgentDetected ContrastBolusAgentNumber
        ContrastBolusAgentPhase
    ConversionSourceAttributesSequence: ReferencedFrameNumber ReferencedSOPClassUID ReferencedSOPInstanceUID
        ReferencedSegmentNumber
    DerivationImageSequence: DerivationDescription
    DetectorPositionSequence: DetectorPrimaryAngle DetectorSecondaryAngle
    ExposureControlSensingRegionsSequence: CenterOfCircularExposureControlSensingRegion
        ExposureControlSensingRegionLeftVerticalEdge ExposureControlSensingRegionLowerHorizontalEdge
        ExposureControlSensingRegionRightVerticalEdge ExposureControlSensingRegionShape
        ExposureControlSensingRegionUpperHorizontalEdge RadiusOfCircularExposureControlSensingRegion
        VerticesOfThePolygonalExposureControlSensingRegion
    FieldOfViewSequence: FieldOfViewDescription FieldOfViewDimensionsInFloat FieldOfViewHorizontalFlip
        FieldOfViewOrigin FieldOfViewRotation FieldOfViewShape
    FrameAcquisitionSequence: ExposureInmAs ExposureTimeInms KVP XRayTubeCurrentInmA
    FrameAnatomySequence: FrameLaterality
    FrameContentSequence: CardiacCyclePosition DimensionIndexValues FrameAcquisitionDateTime
        FrameAcquisitionDuration FrameAcquisitionNumber FrameComments FrameLabel FrameReferenceDateTime
        InStackPositionNumber RespiratoryCyclePosition StackID TemporalPositionIndex
    FrameDetectorParametersSequence: DetectorActivationOffsetFromExposure DetectorActiveTime
    FrameDisplayShutterSequence: CenterOfCircularShutter RadiusOfCircularShutter ShutterLeftVerticalEdge
        ShutterLowerHorizontalEdge ShutterPresentationColorCIELabValue ShutterPresentationValue
        ShutterRightVerticalEdge ShutterShape ShutterUpperHorizontalEdge VerticesOfThePolygonalShutter
    FramePixelDataPropertiesSequence: FrameType GeometricMaximumDistortion GeometricalProperties
        ImageProcessingApplied ImagerPixelSpacing PixelDataAreaOriginRelativeToFOV
        PixelDataAreaRotationAngleRelativeToFOV PixelIntensityRelationship PixelIntensityRelationshipSign
    FramePixelShiftSequence: MaskSubPixelShift SubtractionItemID
    FrameVOILUTSequence: VOILUTFunction WindowCenter WindowCenterWidthExplanation WindowWidth
    FunctionalMRSequence: FunctionalSyncPulse SettlingPhaseFrame
    ImageDataTypeSequence: AliasedDataType DataType ZeroVelocityPixelValue
    IntravascularFrameContentSequence: IntravascularLongitudinalDistance SeamLineLocation
    IntravascularOCTFrameContentSequence: NumberOfPaddedALines OCTZOffsetCorrection SeamLineIndex
    IntravascularOCTFrameTypeSequence: FrameType
    IrradiationEventIdentificationSequence: IrradiationEventUID
    IsocenterReferenceSystemSequence: BreastSupportIsocenterPrimaryAngle BreastSupportIsocenterSecondaryAngle
        BreastSupportXPositionToIsocenter BreastSupportYPositionToIsocenter BreastSupportZPositionToIsocenter
        DetectorActiveAreaOrientation DetectorActiveAreaTLHCPosition DetectorIsocenterPrimaryAngle
        DetectorIsocenterSecondaryAngle DetectorXPositionToIsocenter DetectorYPositionToIsocenter
        DetectorZPositionToIsocenter PositionerIsocenterDetectorRotationAngle PositionerIsocenterPrimaryAngle
        PositionerIsocenterSecondaryAngle TableCradleTiltAngle TableHeadTiltAngle TableHorizontalRotationAngle
        TableXPositionToIsocenter TableYPositionToIsocenter TableZPositionToIsocenter
        XRaySourceIsocenterPrimaryAngle XRaySourceIsocenterSecondaryAngle
    MRArterialSpinLabelingSequence: ASLBolusCutoffFlag ASLContext ASLCrusherDescription ASLCrusherFlag
        ASLCrusherFlowLimit ASLTechniqueDescription
    MRAveragesSequence: NumberOfAverages
    MRDiffusionSequence: DiffusionAnisotropyType DiffusionBValue DiffusionDirectionality
    MRDiffusionSequence.DiffusionGradientDirectionSequence: DiffusionGradientOrientation
    MREchoSequence: EffectiveEchoTime
    MRFOVGeometrySequence: InPlanePhaseEncodingDirection MRAcquisitionFrequencyEncodingSteps
        MRAcquisitionPhaseEncodingStepsInPlane MRAcquisitionPhaseEncodingStepsOutOfPlane PercentPhaseFieldOfView
        PercentSampling
    MRImageFrameTypeSequence: AcquisitionContrast ComplexImageComponent FrameType
        FunctionalSettlingPhaseFramesPresent PixelPresentation VolumeBasedCalculationTechnique VolumetricProperties
    MRImagingModifierSequence: BloodSignalNulling MagnetizationTransfer PixelBandwidth TagAngleFirstAxis
        TagAngleSecondAxis TagSpacingFirstDimension TagSpacingSecondDimension TagThickness Tagging TaggingDelay
        TransmitterFrequency
    MRMetaboliteMapSequence: MetaboliteMapDescription
    MRModifierSequence: FlowCompensation FlowCompensationDirection InversionRecovery InversionTimes
        ParallelAcquisition ParallelAcquisitionTechnique ParallelReductionFactorInPlane
        ParallelReductionFactorOutOfPlane ParallelReductionFactorSecondInPlane PartialFourier
        PartialFourierDirection SpatialPresaturation SpectrallySelectedExcitation Spoiling T2Preparation
    MRReceiveCoilSequence: MultiCoilConfiguration QuadratureReceiveCoil ReceiveCoilManufacturerName ReceiveCoilName
        ReceiveCoilType
    MRSpatialSaturationSequence: MidSlabPosition SlabOrientation SlabThickness
    MRSpectroscopyFOVGeometrySequence: PercentPhaseFieldOfView PercentSampling SpectroscopyAcquisitionDataColumns
        SpectroscopyAcquisitionOutOfPlanePhaseSteps SpectroscopyAcquisitionPhaseColumns
        SpectroscopyAcquisitionPhaseRows
    MRSpectroscopyFrameTypeSequence: AcquisitionContrast ComplexImageComponent FrameType
        VolumeBasedCalculationTechnique VolumetricProperties
    MRTimingAndRelatedParametersSequence: EchoTrainLength FlipAngle GradientEchoTrainLength GradientOutput
        GradientOutputType RFEchoTrainLength RepetitionTime
    MRTransmitCoilSequence: TransmitCoilManufacturerName TransmitCoilName TransmitCoilType
    MRVelocityEncodingSequence: VelocityEncodingDirection VelocityEncodingMaximumValue VelocityEncodingMinimumValue
    MultienergyCTCharacteristicsSequence: MonoenergeticEnergyEquivalent
    MultienergyCTProcessingSequence: DecompositionDescription DecompositionMethod
    ObjectThicknessSequence: CalculatedAnatomyThickness
    OphthalmicFrameLocationSequence: DepthOfTransverseImage OphthalmicImageOrientation ReferenceCoordinates
        ReferencedFrameNumber ReferencedSOPClassUID ReferencedSOPInstanceUID ReferencedSegmentNumber
    OpticalPathIdentificationSequence: OpticalPathIdentifier
    PETDetectorMotionDetailsSequence: RevolutionTime RotationDirection
    PETFrameAcquisitionSequence: DataCollectionDiameter GantryDetectorSlew GantryDetectorTilt TableHeight
    PETFrameCorrectionFactorsSequence: DeadTimeFactor DecayFactor PrimaryPromptsCountsAccumulated
        ScatterFractionFactor SliceSensitivityFactor
    PETFrameTypeSequence: FrameType PixelPresentation VolumeBasedCalculationTechnique VolumetricProperties
    PETPositionSequence: DataCollectionCenterPatient ReconstructionTargetCenterPatient TablePosition
    PETReconstructionSequence: IterativeReconstructionMethod NumberOfIterations NumberOfSubsets
        ReconstructionAlgorithm ReconstructionDiameter ReconstructionFieldOfView ReconstructionType
    PETTableDynamicsSequence: TableSpeed
    ParametricMapFrameTypeSequence: FrameType
    PatientOrientationInFrameSequence: PatientOrientation
    PhotoacousticExcitationCharacteristicsSequence: ExcitationEnergy ExcitationPulseDuration ExcitationSpectralWidth
        ExcitationWavelength
    PhotoacousticImageFrameTypeSequence: FrameType PixelPresentation VolumeBasedCalculationTechnique
        VolumetricProperties
    PixelIntensityRelationshipLUTSequence: LUTData LUTDescriptor LUTFunction
    PixelMeasuresSequence: PixelSpacing SliceThickness SpacingBetweenSlices
    PixelValueTransformationSequence: RescaleIntercept RescaleSlope RescaleType
    PlaneOrientationSequence: ImageOrientationPatient
    PlaneOrientationVolumeSequence: ImageOrientationVolume
    PlanePositionSequence: ImagePositionPatient
    PlanePositionSlideSequence: ColumnPositionInTotalImagePixelMatrix RowPositionInTotalImagePixelMatrix
        XOffsetInSlideCoordinateSystem YOffsetInSlideCoordinateSystem ZOffsetInSlideCoordinateSystem
    PlanePositionVolumeSequence: ImagePositionVolume
    PositionerPositionSequence: ColumnAngulationPatient PositionerPrimaryAngle PositionerPrimaryAngleDirection
        PositionerSecondaryAngle
    ProjectionPixelCalibrationSequence: BeamAngle DistanceObjectToTableTop ObjectPixelSpacingInCenterOfBeam
        TableHeight
    RTBeamLimitingDeviceOpeningSequence: ParallelRTBeamDelimiterPositions RTBeamLimitingDeviceOffset
        ReferencedDeviceIndex
    RTImageFrameContextSequence: ClinicalFractionNumber RTRadiationSetDeliveryNumber
    RTImageFrameGeneralContentSequence: FrameType ReferencedTreatmentPositionIndex StartCumulativeMeterset
    RadiopharmaceuticalUsageSequence: RadiopharmaceuticalAgentNumber
    RealWorldValueMappingSequence: DoubleFloatRealWorldValueFirstValueMapped
        DoubleFloatRealWorldValueLastValueMapped LUTExplanation LUTLabel RealWorldValueFirstValueMapped
        RealWorldValueIntercept RealWorldValueLUTData RealWorldValueLastValueMapped RealWorldValueSlope
    ReconstructionAlgorithmSequence: AlgorithmName AlgorithmParameters AlgorithmSource AlgorithmVersion
    ReferencedImageSequence: ReferencedFrameNumber ReferencedSOPClassUID ReferencedSOPInstanceUID
        ReferencedSegmentNumber
    RespiratorySynchronizationSequence: ActualRespiratoryTriggerDelayTime EndingRespiratoryAmplitude
        EndingRespiratoryPhase NominalPercentageOfRespiratoryPhase NominalRespiratoryTriggerDelayTime
        RespiratoryIntervalTime StartingRespiratoryAmplitude StartingRespiratoryPhase
    SegmentIdentificationSequence: ReferencedSegmentNumber
    SpecimenReferenceSequence: SpecimenUID
    StoredValueColorRangeSequence: MaximumStoredValueMapped MinimumStoredValueMapped
    TablePositionSequence: TableCradleTiltAngle TableHeadTiltAngle TableHorizontalRotationAngle
        TableTopLateralPosition TableTopLongitudinalPosition TableTopVerticalPosition
    TemporalPositionSequence: TemporalPositionTimeOffset
    USImageDescriptionSequence: FrameType VolumeBasedCalculationTechnique VolumetricProperties
    WholeSlideMicroscopyImageFrameTypeSequence: FrameType
    XAXRFFrameCharacteristicsSequence: AcquisitionDeviceProcessingCode AcquisitionDeviceProcessingDescription
        DerivationDescription
    XRay3DFrameTypeSequence: FrameType PixelPresentation ReconstructionIndex VolumeBasedCalculationTechnique
        VolumetricProperties
    XRayAcquisitionDoseSequence: EntranceDoseDerivation EntranceDoseInmGy ExposureInmAs ExposureTimeInms
        HalfValueLayer OrganDose RelativeXRayExposure
    XRayFilterSequence: FilterBeamPathLengthMaximum FilterBeamPathLengthMinimum FilterMaterial
        FilterThicknessMaximum FilterThicknessMinimum FilterType
    XRayGeometrySequence: DistanceSourceToDetector DistanceSourceToEntrance DistanceSourceToIsocenter
        DistanceSourceToPatient EstimatedRadiographicMagnificationFactor
    XRayGridSequence: Grid
"""


def _paths() -> Mapping[int, tuple[tuple[str, ...], ...]]:
    paths: dict[int, list[tuple[str, ...]]] = {}
    sequences: tuple[str, ...] = ()
    for word in _PLACES.split():
        if word.endswith(":"):
            sequences = tuple(map(key_of, word[:-1].split(".")))
        elif (tag := find_keyword(word)) is not None:
            paths.setdefault(tag, []).append(sequences)
    return {tag: tuple(places) for tag, places in paths.items()}


PATHS = _paths()
"""By tag: the sequences in which it may lie, outermost first, as eight hex digits each."""
