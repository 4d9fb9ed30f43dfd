<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="de">
<context>
    <name>About</name>
    <message>
        <source>Version</source>
        <translation>Version</translation>
    </message>
    <message>
        <source>Devices</source>
        <translation>Geräte</translation>
    </message>
    <message>
        <source>In use</source>
        <translation>In Gebrauch</translation>
    </message>
    <message>
        <source>nothing is loaded yet</source>
        <translation>noch nichts geladen</translation>
    </message>
    <message>
        <source>Models</source>
        <translation>Modelle</translation>
    </message>
    <message>
        <source>Cleans noisy pictures on this computer. No picture leaves it.</source>
        <translation>Entrauscht Bilder auf diesem Rechner. Kein Bild verlässt ihn.</translation>
    </message>
    <message>
        <source>Free software under the Apache License 2.0.</source>
        <translation>Freie Software unter der Apache-Lizenz 2.0.</translation>
    </message>
    <message>
        <source>About denoise-ae</source>
        <translation>Über denoise-ae</translation>
    </message>
</context>
<context>
    <name>Actions</name>
    <message>
        <source>&amp;File</source>
        <translation>&amp;Datei</translation>
    </message>
    <message>
        <source>&amp;Edit</source>
        <translation>&amp;Bearbeiten</translation>
    </message>
    <message>
        <source>&amp;View</source>
        <translation>&amp;Ansicht</translation>
    </message>
    <message>
        <source>&amp;Compare</source>
        <translation>&amp;Vergleichen</translation>
    </message>
    <message>
        <source>&amp;Help</source>
        <translation>&amp;Hilfe</translation>
    </message>
    <message>
        <source>&amp;Open…</source>
        <translation>Ö&amp;ffnen …</translation>
    </message>
    <message>
        <source>Add pictures to the &amp;batch…</source>
        <translation>Bilder in die &amp;Liste aufnehmen …</translation>
    </message>
    <message>
        <source>&amp;Save</source>
        <translation>&amp;Speichern</translation>
    </message>
    <message>
        <source>Save &amp;as…</source>
        <translation>Speichern &amp;unter …</translation>
    </message>
    <message>
        <source>&amp;Quit</source>
        <translation>&amp;Beenden</translation>
    </message>
    <message>
        <source>&amp;Copy result</source>
        <translation>Ergebnis &amp;kopieren</translation>
    </message>
    <message>
        <source>&amp;Paste picture</source>
        <translation>Bild &amp;einfügen</translation>
    </message>
    <message>
        <source>Zoom &amp;in</source>
        <translation>Ver&amp;größern</translation>
    </message>
    <message>
        <source>Zoom &amp;out</source>
        <translation>Ver&amp;kleinern</translation>
    </message>
    <message>
        <source>&amp;Fit</source>
        <translation>&amp;Einpassen</translation>
    </message>
    <message>
        <source>&amp;100 %</source>
        <translation>&amp;100 %</translation>
    </message>
    <message>
        <source>&amp;Keys</source>
        <translation>&amp;Tasten</translation>
    </message>
    <message>
        <source>&amp;About denoise-ae</source>
        <translation>&amp;Über denoise-ae</translation>
    </message>
    <message>
        <source>&amp;Wipe</source>
        <translation>&amp;Schieber</translation>
    </message>
    <message>
        <source>&amp;Side by side</source>
        <translation>&amp;Nebeneinander</translation>
    </message>
    <message>
        <source>&amp;Difference</source>
        <translation>&amp;Differenz</translation>
    </message>
    <message>
        <source>&amp;Picture</source>
        <translation>&amp;Bild</translation>
    </message>
    <message>
        <source>&amp;Batch list</source>
        <translation>&amp;Liste</translation>
    </message>
    <message>
        <source>Edit settings &amp;{}</source>
        <translation>Einstellungen &amp;{} bearbeiten</translation>
    </message>
    <message>
        <source>&amp;Compare A with B</source>
        <translation>A mit B &amp;vergleichen</translation>
    </message>
    <message>
        <source>&amp;Give both the active settings</source>
        <translation>Beiden die a&amp;ktiven Einstellungen geben</translation>
    </message>
    <message>
        <source>Toolbar</source>
        <translation>Werkzeugleiste</translation>
    </message>
    <message>
        <source>Space, held</source>
        <translation>Leertaste, gehalten</translation>
    </message>
    <message>
        <source>show the original</source>
        <translation>das Original zeigen</translation>
    </message>
    <message>
        <source>Mouse wheel, + and -</source>
        <translation>Mausrad, + und -</translation>
    </message>
    <message>
        <source>zoom</source>
        <translation>zoomen</translation>
    </message>
    <message>
        <source>Drag, arrow keys</source>
        <translation>Ziehen, Pfeiltasten</translation>
    </message>
    <message>
        <source>move the picture</source>
        <translation>das Bild verschieben</translation>
    </message>
    <message>
        <source>Drag the divider, comma and full stop</source>
        <translation>Teiler ziehen, Komma und Punkt</translation>
    </message>
    <message>
        <source>wipe between before and after</source>
        <translation>zwischen vorher und nachher schieben</translation>
    </message>
    <message>
        <source>Double click, 0</source>
        <translation>Doppelklick, 0</translation>
    </message>
    <message>
        <source>fit the picture into the window</source>
        <translation>das Bild ins Fenster einpassen</translation>
    </message>
    <message>
        <source>show each pixel as one of the screen</source>
        <translation>jeden Bildpunkt als einen des Bildschirms zeigen</translation>
    </message>
    <message>
        <source>wipe, side by side, difference</source>
        <translation>Schieber, nebeneinander, Differenz</translation>
    </message>
    <message>
        <source>Keys</source>
        <translation>Tasten</translation>
    </message>
</context>
<context>
    <name>Background</name>
    <message>
        <source>There is not enough memory for this</source>
        <translation>Dafür reicht der Arbeitsspeicher nicht</translation>
    </message>
    <message>
        <source>close other programs, or take a smaller picture</source>
        <translation>andere Programme schließen, oder ein kleineres Bild nehmen</translation>
    </message>
    <message>
        <source>this is a fault of denoise-ae</source>
        <translation>das ist ein Fehler von denoise-ae</translation>
    </message>
</context>
<context>
    <name>BatchModel</name>
    <message>
        <source>Picture</source>
        <translation>Bild</translation>
    </message>
    <message>
        <source>State</source>
        <translation>Stand</translation>
    </message>
    <message>
        <source>Noise</source>
        <translation>Rauschen</translation>
    </message>
    <message>
        <source>Time</source>
        <translation>Zeit</translation>
    </message>
    <message>
        <source>{:.1f} s</source>
        <translation>{:.1f} s</translation>
    </message>
    <message>
        <source>Cleaning, {} %</source>
        <translation>Wird entrauscht, {} %</translation>
    </message>
    <message>
        <source>Done</source>
        <translation>Fertig</translation>
    </message>
    <message>
        <source>Skipped: {}</source>
        <translation>Übergangen: {}</translation>
    </message>
    <message>
        <source>Waiting</source>
        <translation>Wartet</translation>
    </message>
    <message>
        <source>hardly any noise was found</source>
        <translation>kaum Rauschen gefunden</translation>
    </message>
</context>
<context>
    <name>BatchPanel</name>
    <message>
        <source>Pictures to clean</source>
        <translation>Bilder zum Entrauschen</translation>
    </message>
    <message>
        <source>Add pictures…</source>
        <translation>Bilder hinzufügen …</translation>
    </message>
    <message>
        <source>Add folder…</source>
        <translation>Ordner hinzufügen …</translation>
    </message>
    <message>
        <source>Empty the list</source>
        <translation>Liste leeren</translation>
    </message>
    <message>
        <source>Start</source>
        <translation>Starten</translation>
    </message>
    <message>
        <source>Pause</source>
        <translation>Pause</translation>
    </message>
    <message>
        <source>Pauses when the picture at hand is done</source>
        <translation>Hält an, wenn das laufende Bild fertig ist</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>Retry failed</source>
        <translation>Gescheiterte nochmals</translation>
    </message>
    <message>
        <source>Open results&apos; folder</source>
        <translation>Ergebnisordner öffnen</translation>
    </message>
    <message>
        <source>beside each picture, as NAME-clean</source>
        <translation>neben jedes Bild, als NAME-clean</translation>
    </message>
    <message>
        <source>Folder for the results</source>
        <translation>Ordner für die Ergebnisse</translation>
    </message>
    <message>
        <source>Choose the folder for the results</source>
        <translation>Ordner für die Ergebnisse wählen</translation>
    </message>
    <message>
        <source>Results that exist</source>
        <translation>Vorhandene Ergebnisse</translation>
    </message>
    <message>
        <source>Skip what is done already</source>
        <translation>Fertige übergehen</translation>
    </message>
    <message>
        <source>Replace older results</source>
        <translation>Ältere Ergebnisse ersetzen</translation>
    </message>
    <message>
        <source>Progress of the batch</source>
        <translation>Fortschritt der Liste</translation>
    </message>
    <message>
        <source>&amp;Results go</source>
        <translation>&amp;Ergebnisse</translation>
    </message>
    <message>
        <source>Drop pictures and folders here.</source>
        <translation>Bilder und Ordner hierher ziehen.</translation>
    </message>
    <message>
        <source>{} pictures</source>
        <translation>{} Bilder</translation>
    </message>
    <message>
        <source>{} done</source>
        <translation>{} fertig</translation>
    </message>
    <message>
        <source>{} skipped</source>
        <translation>{} übergangen</translation>
    </message>
    <message>
        <source>{} failed</source>
        <translation>{} gescheitert</translation>
    </message>
    <message>
        <source>paused</source>
        <translation>angehalten</translation>
    </message>
    <message>
        <source>about {} min left</source>
        <translation>noch etwa {} min</translation>
    </message>
    <message>
        <source>Add pictures to the list</source>
        <translation>Bilder in die Liste aufnehmen</translation>
    </message>
    <message>
        <source>Add a folder to the list</source>
        <translation>Ordner in die Liste aufnehmen</translation>
    </message>
</context>
<context>
    <name>MainWindow</name>
    <message>
        <source>Drop a picture here, or press Ctrl+O.

Several pictures or a folder go to the batch.</source>
        <translation>Ein Bild hierher ziehen, oder Strg+O drücken.

Mehrere Bilder oder ein Ordner kommen in die Liste.</translation>
    </message>
    <message>
        <source>Cleaning</source>
        <translation>Entrauschen</translation>
    </message>
    <message>
        <source>Saving</source>
        <translation>Speichern</translation>
    </message>
    <message>
        <source>How much of the picture is clean</source>
        <translation>Wie viel vom Bild entrauscht ist</translation>
    </message>
    <message>
        <source>Stop</source>
        <translation>Anhalten</translation>
    </message>
    <message>
        <source>Stop cleaning</source>
        <translation>Entrauschen anhalten</translation>
    </message>
    <message>
        <source>All files (*)</source>
        <translation>Alle Dateien (*)</translation>
    </message>
    <message>
        <source>Open pictures</source>
        <translation>Bilder öffnen</translation>
    </message>
    <message>
        <source>There is no picture on the clipboard</source>
        <translation>In der Zwischenablage ist kein Bild</translation>
    </message>
    <message>
        <source>The pasted picture</source>
        <translation>Das eingefügte Bild</translation>
    </message>
    <message>
        <source>Opening…</source>
        <translation>Wird geöffnet …</translation>
    </message>
    <message>
        <source>Original</source>
        <translation>Original</translation>
    </message>
    <message>
        <source>Pasted picture</source>
        <translation>Eingefügtes Bild</translation>
    </message>
    <message>
        <source>noise estimated</source>
        <translation>Rauschen geschätzt</translation>
    </message>
    <message>
        <source>noise {:g}</source>
        <translation>Rauschen {:g}</translation>
    </message>
    <message>
        <source>luminance {} %, colour {} %</source>
        <translation>Helligkeit {} %, Farbe {} %</translation>
    </message>
    <message>
        <source>These settings can&apos;t be shown</source>
        <translation>Diese Einstellungen lassen sich nicht zeigen</translation>
    </message>
    <message>
        <source>Stopped</source>
        <translation>Angehalten</translation>
    </message>
    <message>
        <source>Cleaning; what you see comes first</source>
        <translation>Wird entrauscht; was zu sehen ist, zuerst</translation>
    </message>
    <message>
        <source>Clean</source>
        <translation>Entrauscht</translation>
    </message>
    <message>
        <source>Go on</source>
        <translation>Weiter</translation>
    </message>
    <message>
        <source>Unsaved work</source>
        <translation>Nicht gespeichert</translation>
    </message>
    <message>
        <source>The result of {} is not saved.</source>
        <translation>Das Ergebnis von {} ist nicht gespeichert.</translation>
    </message>
    <message>
        <source>The batch is running</source>
        <translation>Die Liste wird bearbeitet</translation>
    </message>
    <message>
        <source>Stop the batch and close?</source>
        <translation>Anhalten und schließen?</translation>
    </message>
</context>
<context>
    <name>MessageBar</name>
    <message>
        <source>Message</source>
        <translation>Meldung</translation>
    </message>
    <message>
        <source>Close the message</source>
        <translation>Meldung schließen</translation>
    </message>
</context>
<context>
    <name>Models</name>
    <message>
        <source>Convolutional autoencoder for 28x28 digits, white on black, with a latent code of 64 numbers</source>
        <translation>Faltungs-Autoencoder für Ziffern von 28x28 Pixeln, weiß auf schwarz, mit einem Code von 64 Zahlen</translation>
    </message>
    <message>
        <source>Convolutional autoencoder for 28x28 digits, white on black, with skip connections past its 64-number code</source>
        <translation>Faltungs-Autoencoder für Ziffern von 28x28 Pixeln, weiß auf schwarz, mit Verbindungen an seinem Code von 64 Zahlen vorbei</translation>
    </message>
    <message>
        <source>Variational autoencoder for 28x28 digits, white on black, with a latent code of 16 numbers to draw new ones from</source>
        <translation>Variationaler Autoencoder für Ziffern von 28x28 Pixeln, weiß auf schwarz, mit einem Code aus 16 Zahlen, aus dem sich neue zeichnen lassen</translation>
    </message>
    <message>
        <source>Residual U-Net for photographs, colour and gray, that is told the level of white noise</source>
        <translation>Residuales U-Net für Fotos, farbig und grau, dem der Pegel weißen Rauschens gesagt wird</translation>
    </message>
    <message>
        <source>Residual U-Net for photographs, colour and gray, with camera noise, JPEG or white noise; estimates the level itself</source>
        <translation>Residuales U-Net für Fotos, farbig und grau, mit Kamerarauschen, JPEG oder weißem Rauschen; schätzt den Pegel selbst</translation>
    </message>
    <message>
        <source>Smaller residual U-Net for photographs, colour and gray, with camera noise, JPEG or white noise; estimates the level itself</source>
        <translation>Kleineres residuales U-Net für Fotos, farbig und grau, mit Kamerarauschen, JPEG oder weißem Rauschen; schätzt den Pegel selbst</translation>
    </message>
</context>
<context>
    <name>Results</name>
    <message>
        <source>Save the result</source>
        <translation>Ergebnis speichern</translation>
    </message>
    <message>
        <source>{} is the noisy original. Replace it by the result?</source>
        <translation>{} ist das verrauschte Original. Durch das Ergebnis ersetzen?</translation>
    </message>
    <message>
        <source>Replace {}?</source>
        <translation>{} ersetzen?</translation>
    </message>
    <message>
        <source>The file exists</source>
        <translation>Die Datei ist vorhanden</translation>
    </message>
    <message>
        <source>Saving…</source>
        <translation>Wird gespeichert …</translation>
    </message>
    <message>
        <source>Saved as {}</source>
        <translation>Gespeichert als {}</translation>
    </message>
    <message>
        <source>Saves as soon as the picture is clean…</source>
        <translation>Wird gespeichert, sobald das Bild entrauscht ist …</translation>
    </message>
    <message>
        <source>Copying…</source>
        <translation>Wird kopiert …</translation>
    </message>
    <message>
        <source>The result is on the clipboard</source>
        <translation>Das Ergebnis ist in der Zwischenablage</translation>
    </message>
    <message>
        <source>Copies as soon as the picture is clean…</source>
        <translation>Wird kopiert, sobald das Bild entrauscht ist …</translation>
    </message>
    <message>
        <source>Pictures ({})</source>
        <translation>Bilder ({})</translation>
    </message>
</context>
<context>
    <name>SavePanel</name>
    <message>
        <source>File format</source>
        <translation>Dateiformat</translation>
    </message>
    <message>
        <source>As the picture</source>
        <translation>Wie das Bild</translation>
    </message>
    <message>
        <source>Quality near the picture&apos;s own</source>
        <translation>Qualität nahe der des Bildes</translation>
    </message>
    <message>
        <source>Quality, 1 to 100</source>
        <translation>Qualität, 1 bis 100</translation>
    </message>
    <message>
        <source>Keep metadata (EXIF, colour profile)</source>
        <translation>Metadaten behalten (EXIF, Farbprofil)</translation>
    </message>
    <message>
        <source>Keep the file&apos;s date</source>
        <translation>Datum der Datei behalten</translation>
    </message>
    <message>
        <source>Save as…</source>
        <translation>Speichern unter …</translation>
    </message>
    <message>
        <source>F&amp;ormat</source>
        <translation>&amp;Format</translation>
    </message>
</context>
<context>
    <name>SettingsPanel</name>
    <message>
        <source>Settings {}</source>
        <translation>Einstellungen {}</translation>
    </message>
    <message>
        <source>Edit and save settings {}</source>
        <translation>Einstellungen {} bearbeiten und speichern</translation>
    </message>
    <message>
        <source>Compare A with B</source>
        <translation>A mit B vergleichen</translation>
    </message>
    <message>
        <source>Show A left and B right of the divider, instead of the original</source>
        <translation>A links und B rechts vom Teiler zeigen, anstelle des Originals</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>Modell</translation>
    </message>
    <message>
        <source>Estimate it</source>
        <translation>Schätzen</translation>
    </message>
    <message>
        <source>Estimated noise level</source>
        <translation>Geschätzter Rauschpegel</translation>
    </message>
    <message>
        <source>Noise level</source>
        <translation>Rauschpegel</translation>
    </message>
    <message>
        <source>Noise level in steps of 255</source>
        <translation>Rauschpegel in Stufen von 255</translation>
    </message>
    <message>
        <source>Strength</source>
        <translation>Stärke</translation>
    </message>
    <message>
        <source>Strength in percent</source>
        <translation>Stärke in Prozent</translation>
    </message>
    <message>
        <source>More</source>
        <translation>Mehr</translation>
    </message>
    <message>
        <source>Luminance and colour apart, hot pixels</source>
        <translation>Helligkeit und Farbe getrennt, heiße Pixel</translation>
    </message>
    <message>
        <source>Luminance and colour apart</source>
        <translation>Helligkeit und Farbe getrennt</translation>
    </message>
    <message>
        <source>Colour noise disturbs more and holds less detail: remove more of it</source>
        <translation>Farbrauschen stört mehr und enthält weniger Details: mehr davon entfernen</translation>
    </message>
    <message>
        <source>Luminance</source>
        <translation>Helligkeit</translation>
    </message>
    <message>
        <source>Luminance in percent</source>
        <translation>Helligkeit in Prozent</translation>
    </message>
    <message>
        <source>Colour</source>
        <translation>Farbe</translation>
    </message>
    <message>
        <source>Colour in percent</source>
        <translation>Farbe in Prozent</translation>
    </message>
    <message>
        <source>Fill hot and dead pixels</source>
        <translation>Heiße und tote Pixel füllen</translation>
    </message>
    <message>
        <source>Single pixels of a photograph that a faulty sensor made bright or dark</source>
        <translation>Einzelne Pixel eines Fotos, die ein fehlerhafter Sensor hell oder dunkel gemacht hat</translation>
    </message>
    <message>
        <source>Hot and dead pixels that were found</source>
        <translation>Gefundene heiße und tote Pixel</translation>
    </message>
    <message>
        <source>&amp;Model</source>
        <translation>&amp;Modell</translation>
    </message>
    <message>
        <source>&amp;Noise level</source>
        <translation>&amp;Rauschpegel</translation>
    </message>
    <message>
        <source>S&amp;trength</source>
        <translation>S&amp;tärke</translation>
    </message>
    <message>
        <source>{:.1f}, hardly any</source>
        <translation>{:.1f}, kaum etwas</translation>
    </message>
    <message>
        <source>{} found</source>
        <translation>{} gefunden</translation>
    </message>
</context>
<context>
    <name>View</name>
    <message>
        <source>Picture, before and after</source>
        <translation>Bild, vorher und nachher</translation>
    </message>
    <message>
        <source>Arrow keys move the picture, plus and minus zoom, comma and full stop move the divider.</source>
        <translation>Pfeiltasten verschieben das Bild, Plus und Minus zoomen, Komma und Punkt verschieben den Teiler.</translation>
    </message>
    <message>
        <source>What was removed, amplified</source>
        <translation>Was entfernt wurde, verstärkt</translation>
    </message>
    <message>
        <source>Original</source>
        <translation>Original</translation>
    </message>
</context>
</TS>
