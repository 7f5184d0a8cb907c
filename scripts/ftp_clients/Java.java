// Apache Commons Net, for scripts/ftp-clients --all: uploads, lists, downloads and removes files in one login.
import java.io.*;
import java.nio.file.*;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.*;
import javax.net.ssl.*;
import org.apache.commons.net.ftp.*;

public class Java {
    public static void main(String[] args) throws Exception {
        Map<String, String> env = System.getenv();
        Path up = Path.of(env.get("FTP_UP")), down = Path.of(env.get("FTP_DOWN"));
        boolean tls = !env.get("FTP_TLS").isEmpty();
        FTPClient ftp = tls ? secure(env.get("FTP_CERT")) : new FTPClient();
        ftp.setDefaultTimeout(20000);
        ftp.connect("localhost", Integer.parseInt(env.get("FTP_PORT")));
        check(ftp, ftp.login("anonymous", "x"), "login");
        if (tls) {
            ((FTPSClient) ftp).execPBSZ(0);
            ((FTPSClient) ftp).execPROT("P");
        }
        ftp.enterLocalPassiveMode();
        ftp.setFileType(FTP.BINARY_FILE_TYPE);
        String[] names = up.toFile().list();
        for (String name : names)
            try (InputStream in = Files.newInputStream(up.resolve(name))) {
                check(ftp, ftp.storeFile(name, in), "store " + name);
            }
        List<String> listed = Arrays.asList(Optional.ofNullable(ftp.listNames()).orElse(new String[0]));
        for (String name : names) check(ftp, listed.contains(name), name + " is not listed");
        for (String name : names)
            try (OutputStream out = Files.newOutputStream(down.resolve(name))) {
                check(ftp, ftp.retrieveFile(name, out), "retrieve " + name);
            }
        for (String name : names) check(ftp, ftp.deleteFile(name), "delete " + name);
        ftp.quit();
    }

    static FTPClient secure(String certificate) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null);
        try (InputStream in = new FileInputStream(certificate)) {
            store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        FTPSClient ftp = new FTPSClient(false);
        ftp.setTrustManager(trust.getTrustManagers()[0]);
        return ftp;
    }

    static void check(FTPClient ftp, boolean done, String what) {
        if (!done) {
            System.err.println(what + ": " + ftp.getReplyString());
            System.exit(1);
        }
    }
}
