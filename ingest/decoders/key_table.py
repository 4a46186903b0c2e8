"""The generic key table: what a key of a vendor's payload says about quantity and unit.

Data only; `keys` reads it. A row is a quantity, the unit where the payload states none ("?" = it
must not be guessed), and indented below it the aliases, lower case without separators. An alias may
carry a channel after ">" (the direction of a count). One letter counts only as the whole key.

Sources: Decentlab, Dragino, Elsys, Milesight, Netvox, SenseCAP, Talkpool and other device
descriptions of TheThingsNetwork/lorawan-devices; plain Dutch, English, French and German words.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_QUANTITIES: Final = """
air_temperature | Cel
    airtemperature airtemp ambienttemperature ambienttemp ambtemp tempair temperatureair
    outdoortemperature outdoortemp outsidetemperature outsidetemp indoortemperature indoortemp
    insidetemp roomtemperature roomtemp luchttemperatuur buitentemperatuur binnentemperatuur
    kamertemperatuur lufttemperatur aussentemperatur außentemperatur innentemperatur raumtemperatur
    temperatureambiante atmp tair sensortemperatureair temperaturaambiente airt ta
temperature | Cel
    temperature temp tmp t temperatuur temperatur température temperatura tempc tc tem temps
    temperatuursensor
soil_temperature | Cel
    soiltemperature soiltemp tempsoil temperaturesoil groundtemperature groundtemp bodemtemperatuur
    grondtemperatuur bodentemperatur tsoil temperaturesol grondtemp bodemtemp rootzonetemperature
    temperaturazemlje soilt tempground temperatureground
water_temperature | Cel
    watertemperature watertemp tempwater temperaturewater watertemperatuur wassertemperatur twater
    temperatureeau wassertemp watert tempwasser temperaturadelagua temperaturwasser
dew_point | Cel
    dewpoint dewpt dewpointtemperature dewtemperature dauwpunt taupunkt pointderosee
device_temperature | Cel
    devicetemperature devicetemp internaltemperature internaltemp temperatureinternal tempinternal
    inttemp chiptemperature chiptemp boardtemperature boardtemp cputemperature cputemp
    mcutemperature mcutemp coretemperature coretemp soctemperature modemtemperature tempboard
    tempcpu temperaturemcu temperaturedevice chiptemperatur temperaturechip temperaturecpu
    temperaturecore interntemperatuur temperatureboard pcbtemperature pcbtemp batterytemperature
    temperaturepcb
relative_humidity | %
    relativehumidity relhumidity relhum humidity hum humi humid h rh airhumidity airhum humidityair
    humrel rhum ambienthumidity indoorhumidity outdoorhumidity luchtvochtigheid vochtigheid
    relatieveluchtvochtigheid luftfeuchtigkeit luftfeuchte feuchtigkeit feuchte humidité humidite
    humedad umidita humidityrelative luftfeuchtigkeitrelativ relativeairhumidity hygrometry
    rhpercent umidità relativehum
air_pressure | ?
    airpressure pressure press baropressure barometricpressure barometric barometer baro barpressure
    atmosphericpressure atmospheric stationpressure absolutepressure ambientpressure luchtdruk
    luftdruck pressureair pression pres presion presión pressione atmpressure airpress
    barometerpressure pressureabs absolutepress pressureatm pressureatmospheric
liquid_pressure | ?
    liquidpressure waterpressure probepressure waterdruk
co2 | ppm
    co2 carbondioxide co2concentration co2level kohlendioxid koolstofdioxide concentrationco2 co2ppm
    kooldioxide dioxydedecarbone
eco2 | ppm
    eco2 eqco2 co2eq co2equivalent equivalentco2
co | ?
    carbonmonoxide co coconcentration
tvoc | ?
    tvoc voc vocs totalvoc
hcho | ?
    hcho ch2o formaldehyde
no | ?
    nitricoxide nitrogenmonoxide
no2 | ?
    no2 nitrogendioxide stikstofdioxide stickstoffdioxid no2concentration
o3 | ?
    o3 ozone ozon ozoneconcentration o3concentration o₃
sound_level | dB
    sound soundlevel soundavg soundaverage noise noiselevel noiseavg noiseaverage spl soundpressure
    soundpressurelevel geluid geluidsniveau geluidsdruk laerm lärm lautstaerke lautstärke
    schallpegel leq ambientnoise decibel decibels loudness bruit ruido rumore geluidsterkte
    laermpegel lärmpegel schalldruckpegel noisedb sounddb
sound_level_laeq | dB(A)
    laeq laeqt leqa noiselaeq soundlaeq dblaeq laeqlevel laeqav laeqavg laeq1min noiseleq leqdba
sound_level_la | dB(A)
    la noisela dba soundla noisedba spla laf las
sound_level_lamax | dB(A)
    lamax lafmax lasmax noiselamax lmaxa soundlamax laf_max noisemaxdba
sound_level_lamin | dB(A)
    lamin lafmin lasmin noiselamin lmina soundlamin
sound_level_peak | dB
    soundpeak noisepeak peaksound peaknoise soundlevelpeak
illuminance | lx
    illuminance illumination illum lux light lightintensity lightlux ambientlight luminosity
    lichtintensiteit lichtsterkte verlichtingssterkte helligkeit beleuchtungsstaerke
    beleuchtungsstärke luminosité als ill illumin lightlevellux brightness iluminacion
light_level | 1
    lightlevel
uv_index | 1
    uvindex uvi uv
wind_speed | m/s
    windspeed wind windvelocity windsnelheid windgeschwindigkeit windavg windspeedavg
    windspeedaverage avgwindspeed averagewindspeed windmean vitesseduvent windspeedms
wind_gust | m/s
    windgust gust gustspeed windgustspeed windmax windspeedmax maxwindspeed maximumwindspeed
    peakwindgust windstoot windboe windböe peakwind windgusts maxwind windspeedgust gustwind
wind_direction | deg
    winddirection winddir windrichting windrichtung windbearing directionwind winddirectiondegrees
    directionduvent winddirectionangle winddirangle winddirdeg anglewind winddirectionangledeg
    windhoek
precipitation | mm
    rain rainfall precipitation neerslag niederschlag regen pluie raininterval rainamount
    rainfallamount raininmm precip lluvia pluviometrie
precipitation_cumulative | mm
    raintotal totalrain rainfalltotal totalrainfall raincumulative cumulativerain
    cumulativeprecipitation precipitationtotal rainaccumulation cumulativerainfall raincounter
    precipitationcumulative rainfallsum rainsum totalrainmm
    accumulatedrain rainaccumulated rainaccum
precipitation_intensity | mm/h
    rainrate rainintensity rainfallrate rainfallintensity precipitationrate precipitationintensity
    neerslagintensiteit intensityrain rainintensitymmh intensityofrain
water_level | ?
    waterlevel waterstand wasserstand pegel pegelstand zisternenpegel grondwaterstand grondwaterpeil
    groundwaterlevel grundwasserstand waterpeil peil watertable niveaueau riverlevel waterniveau
    grondwaterniveau wasserhoehe wasserhöhe waterhoogte waterheight levelwater groundwaterhead
    stijghoogte rivierstand peilhoogte nivel niveaudeau
water_depth | ?
    waterdepth waterdiepte wassertiefe waterdeep depthwater
distance | ?
    distance dist afstand abstand distanz ultrasonicdistance distancevalue distancesensor airgap
    distancetowater distancemeasured laserdistance lidardistance radardistance
fill_level | %
    filllevel fillinglevel vulgraad vulling fuellstand füllstand fillgrade filllevelpercent
    fillpercentage fillpercent percentfull percentagefull
flow_rate | ?
    flowrate flow waterflow waterflowrate debiet afvoer durchfluss abfluss discharge debit débit
    flowspeed instantflow waterflowvalue instantaneousflow
water_volume | ?
    watervolume watermeter watertotal totalwater waterconsumption waterverbruik watermeterreading
    totalvolume volumetotal cumulativevolume totalflow cumulativeflow watercounter meterreading
electrical_conductivity | uS/cm
    conductivity electricalconductivity ec soilconductivity conductsoil soilec ecsoil
    conductivitysoil soilelectricalconductivity waterconductivity waterec geleidbaarheid
    geleidendheid egv leitfähigkeit leitfaehigkeit conductivité soilconductivityec conductivityec
    elektrischeleitfähigkeit bodenleitfähigkeit conduct conducti conductwater
soil_moisture | %
    soilmoisture moisture watersoil moisturesoil soilhumidity soilhum humiditysoil soilwater
    bodemvocht bodemvochtigheid bodenfeuchte bodenfeuchtigkeit humiditysol soilwatercontent
    watercontent volumetricwatercontent volumetricmoisture vwc soilvwc vwcsoil moisturecontent
    volumetricwater soilwatercontentvwc soilmoist moist watersoilcontent humedadsuelo
soil_permittivity | 1
    permittivity dielectricpermittivity soilpermittivity relativepermittivity
    dielectricconstant soildielectricconstant
ph | pH
    ph phvalue phwert zuurgraad phwaarde soilph phsoil waterph phwater ph1soil phh2o phlevel
    phsensor
dissolved_oxygen | mg/L
    dissolvedoxygen do oxygendissolved opgelostezuurstof gelostersauerstoff geloestersauerstoff
    oxygenconcentration o2concentration oxygen dissolvedoxygenconcentration dissolvedo2 zuurstof
    sauerstoff oxygenmgl
oxygen_saturation | %
    oxygensaturation dosaturation dosat o2saturation zuurstofverzadiging sauerstoffsättigung
    dissolvedoxygensaturation o2sat oxygensat dosaturationpercent
turbidity | NTU
    turbidity turb troebelheid truebung trübung turbidité turbidityinntu turbidityntu
count | 1
    lefttoright>left_to_right righttoleft>right_to_left ltr>left_to_right l2r>left_to_right
    r2l>right_to_left rtl>right_to_left lr>left_to_right rl>right_to_left atob>a_to_b btoa>b_to_a
    leftright>left_to_right rightleft>right_to_left
count_total | 1
    counttotal totalcount countertotal lefttorighttotal>left_to_right
    righttolefttotal>right_to_left totallefttoright>left_to_right
    totalrighttoleft>right_to_left ltrsum>left_to_right rtlsum>right_to_left
    ltrtotal>left_to_right rtltotal>right_to_left
count_in | 1
    countin peoplein periodin inperiod countervaluein visitorsin personsin entries incount enter
    entered entering ingang binnengekomen peopleinperiod periodicin
count_out | 1
    countout peopleout periodout outperiod visitorsout personsout exits outcount exited exiting
    leaving uitgang peopleoutperiod periodicout
count_in_total | 1
    totalin intotal countintotal totalcountin counterin incounter totalcounterin peopleintotal
    peopletotalin cumulativein insum sumin totalpeoplein
count_out_total | 1
    totalout outtotal countouttotal totalcountout counterout outcounter totalcounterout
    peopleouttotal peopletotalout cumulativeout outsum sumout totalpeopleout
people_count | 1
    peoplecount people persons occupants headcount aanwezigen personcount numberofpeople
    peoplepresent personen peoplecountall occupancycount countpeople personcounter numpeople
    peopletotal aantalpersonen currentpeople peopleinside
count_pedestrian | 1
    pedestrian pedestrians voetganger voetgangers fussgaenger fußgänger pedestriancount
    countpedestrian piétons pietons walkers pedestrianscount wandelaars pedestrianstotal
count_bike | 1
    bike bikes bicycle bicycles cyclist cyclists fiets fietsen fietser fietsers fahrrad fahrräder
    fahrraeder velo vélos bikecount countbike bicyclecount countbicycle cyclistcount cyclistscount
    bikescount fietspassages tweewielers bicyclists
count_car | 1
    car cars auto autos motorvoertuigen pkw voitures carcount countcar carscount personenautos
    passengercars
count_heavy | 1
    heavy truck trucks lorries vrachtwagen vrachtwagens lkw heavyvehicles heavycount countheavy
    truckcount counttruck trucksbuses hgv heavytraffic freight zwaarverkeer
speed_v85 | km/h
    v85 speedv85 v85kmh
occupancy | 1
    occupancy occupied parkingoccupied bezet belegt presence parkingstatus parkingstate parking
    occupancystatus occupancystate occupystatus occupiedstatus parkingspaceoccupied isoccupied
    parked carpresent vehiclepresent vehicledetected bezetting seatoccupied
motion | 1
    motion pir motiondetected movement motionbool motioncount beweging bewegung pircount
    motionstatus pirstatus pirtrigger pirstate motionstate movementdetected activity
water_leak | 1
    waterleak leak leakage leakdetected waterleakstatus leakstatus lekkage leakagestatus leakageflag
    leakdetection waterdetected flooddetected flood floodstatus waterleakage leakstate leakagestate
flow_detected | 1
    flowdetected
contact | 1
    contact contactstate doorcontact reedswitch reedstate reedstatus magnetstatus magnetstate
battery_level | %
    batterylevel batterypercent batterypercentage batpercent batpct batterypct batlevel
    remainingbattery autonomypercent batteryremaining lastbatterypercentage batteriestand accuniveau
    batterijniveau batteryindicator soc batterypercentageremaining batterylife batlevelpercent
    batterystate batteryleft remainingcapacity
battery_voltage | V
    batteryvoltage batvoltage voltagebattery batv batteryv vbat vbatt vbattery bat batvolt battvolt
    battvoltage voltbattery volt volts vdd batteriespannung batterijspanning akkuspannung
    accuspanning supplyvoltage lipo batterypotential batteryvolts voltagebat batterymv sbxbatt vcc
    batteryvolt
battery | ?
    battery batt batterie batterij akku accu
voltage | V
    voltage spanning spannung
current | A
    current stroom strom electriccurrent
power | W
    power activepower vermogen leistung
latitude | deg
    latitude lat breitengrad breedtegraad gpslat gpslatitude
longitude | deg
    longitude lon lng long längengrad laengengrad lengtegraad gpslon gpslongitude gpslng
altitude | m
    altitude alt elevation hoogte höhe hoehe gpsaltitude gpsheight
analog | ?
    analogin analoginput
acceleration_x | g
    accelerometerx accelerationx accelx accx
acceleration_y | g
    accelerometery accelerationy accely accy
acceleration_z | g
    accelerometerz accelerationz accelz accz
passenger_load | %
    passengerload
ufp | 1/cm3
    ufp ultrafineparticles
lki | index
    lki
"""

# Unit at the end of a key, separators removed ("wind_avg_m_s" ends in "ms").
_SUFFIXES: Final = """
Cel
    c cel degc celsius gradc gradcelsius
degF
    f degf fahrenheit
K
    k kelvin
%
    percent pct perc percentage prozent procent pourcent
hPa
    hpa mbar mb millibar
Pa
    pa pascal
kPa
    kpa
bar
    bar
mmHg
    mmhg
inHg
    inhg
V
    v volt volts
mV
    mv millivolt
A
    a amp ampere
mA
    ma
W
    w watt
kW
    kw
lx
    lux lx
klx
    klx klux
ppm
    ppm
ppb
    ppb
ug/m3
    ugm3 µgm3 μgm3 microgm3 ugperm3
mg/m3
    mgm3
m/s
    ms mps metersec
km/h
    kmh kph
mph
    mph mih
kn
    kn kt knots
deg
    deg degrees degree grad
mm
    mm millimeter millimetre
cm
    cm centimeter centimetre cmnap
m
    m meter metre mnap
in
    in inch inches
mm/h
    mmh mmhr mmperhour
mg/L
    mgl mgperl
L/min
    lmin lpm lperminute
L/s
    ls lps
L/h
    lh
m3/h
    m3h
m3/s
    m3s
L
    l liter litre liters litres
m3
    m3
uS/cm
    uscm µscm μscm
mS/cm
    mscm
dS/m
    dsm
NTU
    ntu fnu
dB
    db
dB(A)
    dba
1
    bool
"""

# Units long enough to be known at the end of a word ("windspeedmph"); "f" only after a temperature.
GLUED: Final = (
    "mph",
    "kmh",
    "kph",
    "mbar",
    "hpa",
    "ppm",
    "ppb",
    "ugm3",
    "percent",
    "celsius",
    "lux",
)

# Which units a quantity may have: the first of each row names the dimension.
DIMENSIONS: Final[tuple[str, ...]] = (
    "Cel degF K",
    "% 1 m3/m3",
    "hPa Pa kPa bar mmHg inHg psi",
    "V mV",
    "A mA",
    "W kW mW",
    "lx klx",
    "ppm ppb ug/m3 mg/m3 mg/L",
    "m/s km/h mph kn",
    "deg rad",
    "m dm cm mm km in ft",
    "mm/h",
    "L/min L/s L/h m3/h m3/s",
    "L m3 mL",
    "uS/cm mS/cm dS/m S/m mS/m",
    "NTU",
    "dB dB(A)",
    "pH",
    "index",
    "1/cm3",
)

# Units whose dimension differs from the one of the quantity's own unit in the table above.
ALSO: Final[tuple[tuple[str, str], ...]] = (
    ("precipitation", "m"),
    ("precipitation_cumulative", "m"),
    ("air_pressure", "hPa"),
    ("liquid_pressure", "hPa"),
    ("co", "ppm"),
    ("tvoc", "ppm"),
    ("tvoc", "index"),
    ("hcho", "ppm"),
    ("no", "ppm"),
    ("no2", "ppm"),
    ("o3", "ppm"),
    ("water_level", "m"),
    ("water_depth", "m"),
    ("distance", "m"),
    ("flow_rate", "L/min"),
    ("water_volume", "L"),
    ("dissolved_oxygen", "ppm"),
    ("battery", "%"),
    ("battery", "V"),
)

# Whole keys whose words are all known and that still are no measurement of that quantity: a
# Beaufort number, the components of a wind, levels exceeded for a share of the time (L10, L90).
_REFUSED: Final = """
    windspeedlevel windlevel eastwindspeed northwindspeed windspeedeast windspeednorth
    la1 la5 la10 la33 la50 la66 la90 la95 la99 batterystatus batteryflag lowbattery batterylow
    sensortempoffset externalpower extpower powerext inputpower
"""
REFUSED: Final = frozenset(_REFUSED.split())

# Words that change nothing, and words that name one of several sensors (they become the channel).
_NOISE: Final = """
    at depth sensor value val measured measurement reading last now act actual avg average mean data
    waarde wert meting messwert level gps report current
"""
NOISE: Final = frozenset(_NOISE.split())
_PLACES: Final = """
    ext external extern probe in out inside outside indoor outdoor inner outer left right top
    bottom upper lower front back north east south west noord oost zuid nord ost süd sued ch
    channel line zone port boven onder binnen buiten innen aussen außen links rechts a b c d x
    y lft rgt red white black green blue yellow rood wit zwart groen blauw
"""
PLACES: Final = frozenset(_PLACES.split())

# Words in a free name that say the value is no measurement, or one of the electronics.
_NO_MEASUREMENT: Final = """
    target setpoint set max min maximum minimum offset raw threshold alarm limit calibration heat
    feels apparent index wifi signal uptime gateway count calibrated trend forecast
"""
_CHIPS: Final = "cpu esp esp32 esp8266 chip board device internal mcu core soc"
NO_MEASUREMENT: Final = frozenset(_NO_MEASUREMENT.split())
CHIPS: Final = frozenset(_CHIPS.split())


def _rows(table: str) -> Iterator[tuple[str, str]]:
    """(unindented line, words of the indented lines below it)."""
    head, words = "", ""
    for line in table.strip().splitlines():
        if line.startswith(" "):
            words += line
        else:
            if head:
                yield head, words
            head, words = line, ""
    yield head, words


def _quantity_rows() -> Iterator[tuple[str, str, str]]:
    for head, words in _rows(_QUANTITIES):
        name, _, unit = head.partition(" | ")
        yield name, unit.replace("?", ""), words


ROWS: Final = tuple(_quantity_rows())
SUFFIXES: Final = tuple(_rows(_SUFFIXES))
