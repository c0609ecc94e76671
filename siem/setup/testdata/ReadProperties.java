import java.io.FileInputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Properties;

/** Prints each property of each file: the file's number, key and value, in hexadecimal. */
class ReadProperties {
    public static void main(String[] files) throws Exception {
        for (int i = 0; i < files.length; i++) {
            Properties properties = new Properties();
            try (InputStream in = new FileInputStream(files[i])) {
                properties.load(in);
            }
            for (String key : properties.stringPropertyNames()) {
                System.out.println(i + " " + hex(key) + " " + hex(properties.getProperty(key)));
            }
        }
    }

    private static String hex(String text) {
        return HexFormat.of().formatHex(text.getBytes(StandardCharsets.UTF_8));
    }
}
